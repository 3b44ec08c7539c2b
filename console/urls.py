from django.urls import URLPattern, URLResolver, path

from console import views

app_name = "console"
urlpatterns: list[URLPattern | URLResolver] = [
    path("preferences", views.save_preferences, name="preferences"),
]
