from django.urls import path

from mailflow import views

app_name = "mailflow"
urlpatterns = [
    path("", views.trace_list, name="list"),
    path("<slug:message_id>/", views.detail, name="detail"),
    path("<slug:message_id>/retry/", views.retry, name="retry"),
]
