from django.urls import URLPattern, URLResolver, path

from relays import views

app_name = "relays"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.relay_list, name="list"),
    path("create", views.create, name="create"),
    path("edit", views.chosen, {"target": "relays:edit"}, name="edit_chosen"),
    path("delete", views.chosen, {"target": "relays:delete"}, name="delete_chosen"),
    path("<str:relay_id>", views.detail, name="detail"),
    path("<str:relay_id>/edit", views.edit, name="edit"),
    path("<str:relay_id>/test", views.test, name="test"),
    path("<str:relay_id>/delete", views.delete, name="delete"),
]
