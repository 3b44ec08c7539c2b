"""Django admin of address lists: to look up and to delete. They are made and changed in the console."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from access.services import actor_of
from addresslists.models import AddressList, ImportChunk, ImportJob, Member, MemberChange, RefusedEntry
from addresslists.services import lists
from console.read_only_admin import ReadOnlyAdmin
from resources.services import users_of


@admin.register(AddressList)
class AddressListAdmin(admin.ModelAdmin):
    list_display = ["name", "id", "member_count", "version", "base_version", "updated_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "id"]
    ordering = ["name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """What uses a list protects it here as it does in `services.lists.delete`; its members, a million
        perhaps, are counted and not gathered."""
        users = [user.source_name for address_list in objs for user in users_of(address_list.arn)]
        counts = {
            AddressList._meta.verbose_name_plural: len(objs),
            Member._meta.verbose_name_plural: sum(address_list.member_count for address_list in objs),
        }
        return [str(address_list) for address_list in objs], counts, set(), users

    def delete_model(self, request: HttpRequest, obj: AddressList) -> None:
        lists.delete(actor_of(request), obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[AddressList]) -> None:
        for address_list in queryset:
            self.delete_model(request, address_list)


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    list_display = ["address", "list", "added_at"]
    list_filter = ["list"]
    list_select_related = ["list"]
    search_fields = ["address__startswith"]
    ordering = ["list", "address"]


@admin.register(MemberChange)
class MemberChangeAdmin(ReadOnlyAdmin):
    list_display = ["address", "is_member", "list", "version"]
    list_filter = ["list", "is_member"]
    list_select_related = ["list"]
    search_fields = ["address"]


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    list_display = ["name", "id", "list", "kind", "status", "imported_count", "failed_count", "created_at"]
    list_filter = ["status", "kind", "created_at"]
    list_select_related = ["list"]
    search_fields = ["name", "id", "list__name"]


@admin.register(ImportChunk)
class ImportChunkAdmin(ReadOnlyAdmin):
    list_display = ["job", "number"]
    list_select_related = ["job"]
    search_fields = ["job__name", "job__id"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")


@admin.register(RefusedEntry)
class RefusedEntryAdmin(ReadOnlyAdmin):
    list_display = ["job", "number", "text", "reason"]
    list_select_related = ["job"]
    search_fields = ["job__name", "job__id", "text"]
