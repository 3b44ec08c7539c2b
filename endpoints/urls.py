from django.urls import URLPattern, URLResolver, path

from endpoints import views

app_name = "endpoints"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.endpoint_list, name="list"),
    path("create", views.create, name="create"),
    path("delete", views.delete_chosen, name="delete_chosen"),
    path("<str:endpoint_id>", views.detail, name="detail"),
    path("<str:endpoint_id>/status", views.status, name="status"),
    path("<str:endpoint_id>/edit", views.edit, name="edit"),
    path("<str:endpoint_id>/traffic-policy", views.edit_policy, name="edit_policy"),
    path("<str:endpoint_id>/rule-set", views.edit_rule_set, name="edit_rule_set"),
    path("<str:endpoint_id>/trust-store", views.edit_trust_store, name="edit_trust_store"),
    path("<str:endpoint_id>/retry", views.retry, name="retry"),
    path("<str:endpoint_id>/delete", views.delete, name="delete"),
]
