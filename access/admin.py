"""People and the audit log, to look at and to search. They change through the console ("View on site")."""

from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from access.models import AuditEntry, User
from console.read_only_admin import ReadOnlyAdmin

admin.site.unregister(Group)  # roles decide here, not groups


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ["username", "role", "is_active", "last_login", "date_joined"]
    list_filter = ["role", "is_active"]
    search_fields = ["username"]
    fields = ["username", "role", "is_active", "last_login", "date_joined"]

    def view_on_site(self, obj: User) -> str:
        return reverse("access:person", args=[obj.pk])


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "resource_arn", "source"]
    list_filter = ["action", "at"]
    search_fields = ["actor", "action", "resource_arn"]
    date_hierarchy = "at"
