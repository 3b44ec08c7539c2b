"""Access keys and answered requests, to look at and to search. Keys change through the console."""

from django.contrib import admin
from django.urls import reverse

from api.models import AccessKey, Answered
from console.read_only_admin import ReadOnlyAdmin


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnlyAdmin):
    list_display = ["id", "user", "status", "last_used_at", "created_at"]
    list_filter = ["status", "created_at"]
    list_select_related = ["user"]
    search_fields = ["id", "user__username"]
    fields = ["id", "user", "status", "last_used_at", "created_at"]

    def view_on_site(self, obj: AccessKey) -> str:
        return reverse("access_keys:detail", args=[obj.pk])


@admin.register(Answered)
class AnsweredAdmin(ReadOnlyAdmin):
    list_display = ["at", "operation", "user", "token"]
    list_filter = ["operation", "at"]
    list_select_related = ["user"]
    search_fields = ["operation", "token", "user__username"]
    fields = ["at", "operation", "user", "token", "output"]
