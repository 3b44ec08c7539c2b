"""Django admin of SMTP relays: to look up and to delete. They are made and edited in the console."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from access.services import actor_of
from relays import services
from relays.models import Relay
from resources.services import users_of


@admin.register(Relay)
class RelayAdmin(admin.ModelAdmin):
    list_display = ["name", "id", "server_name", "server_port", "tls", "updated_at"]
    list_filter = ["tls", "created_at"]
    search_fields = ["name", "id", "server_name"]
    ordering = ["name"]

    def view_on_site(self, relay: Relay) -> str:
        return reverse("relays:detail", args=[relay.id])

    # What a relay says is checked, and announced to the workers: only services do.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """What uses a relay protects it here as it does in `services.delete`."""
        gone, counts, missing, protected = super().get_deleted_objects(objs, request)
        users = [user.source_name for relay in objs for user in users_of(relay.arn)]
        return gone, counts, missing, protected or users

    def delete_model(self, request: HttpRequest, obj: Relay) -> None:
        services.delete(actor_of(request), obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Relay]) -> None:
        for relay in queryset:
            self.delete_model(request, relay)
