from django.urls import URLPattern, URLResolver, path

from resources import views

app_name = "resources"
urlpatterns: list[URLPattern | URLResolver] = [
    path("tags/<path:arn>", views.tags, name="tags"),
    path("versions/<path:arn>", views.compare, name="compare"),
]
