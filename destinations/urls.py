from django.urls import URLPattern, URLResolver, path

from destinations import views

app_name = "destinations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("mailboxes", views.mailbox_list, name="mailboxes"),
    path("create-mailbox", views.create_mailbox, name="create_mailbox"),
    path(
        "delete-mailbox",
        views.chosen,
        {"target": "destinations:delete_mailbox", "back": "destinations:mailboxes"},
        name="delete_chosen_mailbox",
    ),
    path("mailboxes/<str:mailbox_id>", views.mailbox, name="mailbox"),
    path("mailboxes/<str:mailbox_id>/edit", views.edit_mailbox, name="edit_mailbox"),
    path("mailboxes/<str:mailbox_id>/delete", views.delete_mailbox, name="delete_mailbox"),
    path("buckets", views.bucket_list, name="buckets"),
    path("create-bucket", views.create_bucket, name="create_bucket"),
    path(
        "delete-bucket",
        views.chosen,
        {"target": "destinations:delete_bucket", "back": "destinations:buckets"},
        name="delete_chosen_bucket",
    ),
    path("buckets/<str:name>", views.bucket, name="bucket"),
    path("buckets/<str:name>/delete", views.delete_bucket, name="delete_bucket"),
    path("roles", views.role_list, name="roles"),
]
