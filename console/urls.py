from django.urls import URLPattern, URLResolver, path

from console import views

app_name = "console"
urlpatterns: list[URLPattern | URLResolver] = [
    path("preferences", views.preferences_page, name="preferences"),
]
