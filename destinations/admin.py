"""Django admin of mailboxes, buckets and roles: to look up. They are made and deleted in the console,
which asks what shall become of the mail in them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from destinations.models import Bucket, Mailbox, Role


class LookUpAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Mailbox)
class MailboxAdmin(LookUpAdmin):
    list_display = ["name", "id", "kind", "lmtp_host", "lmtp_port", "updated_at"]
    list_filter = ["kind", "created_at"]
    search_fields = ["name", "id", "lmtp_host"]
    ordering = ["name"]

    def view_on_site(self, mailbox: Mailbox) -> str:
        return reverse("destinations:mailbox", args=[mailbox.id])


@admin.register(Bucket)
class BucketAdmin(LookUpAdmin):
    list_display = ["name", "arn", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name"]

    def view_on_site(self, bucket: Bucket) -> str:
        return reverse("destinations:bucket", args=[bucket.name])


@admin.register(Role)
class RoleAdmin(LookUpAdmin):
    list_display = ["name", "arn", "description", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "description"]
