"""The console's pages of access keys."""

from django.urls import URLPattern, URLResolver, path

from api.views import access_keys

app_name = "access_keys"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", access_keys.key_list, name="list"),
    path("create", access_keys.create, name="create"),
    path("<str:key_id>", access_keys.detail, name="detail"),
    path("<str:key_id>/active", access_keys.switch, name="switch"),
    path("<str:key_id>/delete", access_keys.delete, name="delete"),
]
