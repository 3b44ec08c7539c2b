from django.urls import URLPattern, URLResolver

app_name = "relays"
urlpatterns: list[URLPattern | URLResolver] = []
