"""Django admin of traffic policies: to look up and to delete. They are made and edited in the console."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.services import actor_of
from policies import services, words
from policies.models import TrafficPolicy
from policies.queries import policies_with_endpoint_count
from resources.services import users_of


@admin.register(TrafficPolicy)
class TrafficPolicyAdmin(admin.ModelAdmin):
    list_display = [
        "name",
        "id",
        "default_action",
        "statement_count",
        "size_limit",
        "endpoint_count",
        "updated_at",
    ]
    list_filter = ["default_action", "created_at"]
    search_fields = ["name", "id"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrafficPolicy]:
        return policies_with_endpoint_count()

    @admin.display(description=_("policy statements"))
    def statement_count(self, policy: TrafficPolicy) -> int:
        return len(policy.statements)

    @admin.display(description=_("maximum message size"), ordering="max_message_size_bytes", empty_value="-")
    def size_limit(self, policy: TrafficPolicy) -> str:
        return words.size_limit(policy)

    @admin.display(description=_("ingress endpoints"), ordering="endpoint_count")
    def endpoint_count(self, policy: Any) -> int:
        return int(policy.endpoint_count)

    def view_on_site(self, policy: TrafficPolicy) -> str:
        return reverse("policies:detail", args=[policy.id])

    # A policy has a document that is checked, versioned and announced to the ingress: only services do.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """What uses a policy protects it here as it does in `services.delete`."""
        gone, counts, missing, protected = super().get_deleted_objects(objs, request)
        users = [user.source_name for policy in objs for user in users_of(policy.arn)]
        return gone, counts, missing, protected or users

    def delete_model(self, request: HttpRequest, obj: TrafficPolicy) -> None:
        services.delete(actor_of(request), obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[TrafficPolicy]) -> None:
        for policy in queryset:
            self.delete_model(request, policy)
