from django.urls import URLPattern, URLResolver

app_name = "mailflow"
urlpatterns: list[URLPattern | URLResolver] = []
