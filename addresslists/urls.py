from django.urls import URLPattern, URLResolver, path

from addresslists.views import imports, lists, members

app_name = "addresslists"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", lists.address_lists, name="list"),
    path("create", lists.create, name="create"),
    path("delete", lists.chosen, name="delete_chosen"),
    path("<str:list_id>", lists.detail, name="detail"),
    path("<str:list_id>/delete", lists.delete, name="delete"),
    path("<str:list_id>/add", members.add, name="add"),
    path("<str:list_id>/remove", members.remove, name="remove"),
    path("<str:list_id>/imports", imports.upload, name="upload"),
    path("<str:list_id>/imports/<str:job_id>", imports.detail, name="import"),
    path("<str:list_id>/imports/<str:job_id>/stop", imports.stop, name="stop_import"),
    path("<str:list_id>/imports/<str:job_id>/refused.csv", imports.refused, name="refused"),
]
