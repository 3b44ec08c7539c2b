from django.urls import URLPattern, URLResolver, path

from policies import views

app_name = "policies"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.policy_list, name="list"),
    path("create", views.create, name="create"),
    path("check", views.check, name="check"),
    path("edit", views.chosen, {"target": "policies:edit"}, name="edit_chosen"),
    path("delete", views.chosen, {"target": "policies:delete"}, name="delete_chosen"),
    path("<str:policy_id>", views.detail, name="detail"),
    path("<str:policy_id>/edit", views.edit, name="edit"),
    path("<str:policy_id>/restore", views.restore, name="restore"),
    path("<str:policy_id>/delete", views.delete, name="delete"),
]
