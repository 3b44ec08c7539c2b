from django.urls import URLPattern, URLResolver

app_name = "destinations"
urlpatterns: list[URLPattern | URLResolver] = []
