from django.urls import URLPattern, URLResolver, path

from rulesets import views

app_name = "rulesets"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.rule_set_list, name="list"),
    path("create", views.create, name="create"),
    path("check", views.check, name="check"),
    path("edit", views.chosen, {"target": "rulesets:edit"}, name="edit_chosen"),
    path("delete", views.chosen, {"target": "rulesets:delete"}, name="delete_chosen"),
    path("<str:rule_set_id>", views.detail, name="detail"),
    path("<str:rule_set_id>/edit", views.edit, name="edit"),
    path("<str:rule_set_id>/try", views.try_it, name="try"),
    path("<str:rule_set_id>/restore", views.restore, name="restore"),
    path("<str:rule_set_id>/delete", views.delete, name="delete"),
]
