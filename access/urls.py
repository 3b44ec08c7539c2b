from django.urls import URLPattern, URLResolver, path

from access import views

app_name = "access"
urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", views.SignIn.as_view(), name="sign_in"),
    path("sign-out", views.SignOut.as_view(), name="sign_out"),
    path("password", views.password, name="password"),
]
