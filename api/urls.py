"""One address for everything, as an endpoint URL of AWS clients."""

from django.urls import URLPattern, URLResolver, path

from api.views.endpoint import endpoint
from api.views.upload import upload

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", endpoint, name="endpoint"),
    path("imports/<slug:job_id>", upload, name="upload"),
    path("<path:path>", endpoint),
]
