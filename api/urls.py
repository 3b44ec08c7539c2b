"""One address for everything, as an endpoint URL of AWS clients."""

from django.urls import URLPattern, URLResolver, path

from api.views.endpoint import endpoint

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", endpoint, name="endpoint"),
    path("<path:path>", endpoint),
]
