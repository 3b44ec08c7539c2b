"""One address for everything, as an endpoint URL of AWS clients."""

from django.urls import path

from api import views

app_name = "api"
urlpatterns = [
    path("", views.endpoint, name="endpoint"),
    path("<path:path>", views.endpoint),
]
