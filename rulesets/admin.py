"""Django admin of rule sets: to look up and to delete. They are made and edited in the console."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.services import actor_of
from resources.services import users_of
from rulesets import services
from rulesets.models import RuleSet


@admin.register(RuleSet)
class RuleSetAdmin(admin.ModelAdmin):
    list_display = ["name", "id", "rule_count", "endpoint_count", "updated_at"]
    list_filter = ["created_at", "updated_at"]
    search_fields = ["name", "id"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleSet]:
        return RuleSet.objects.annotate(endpoint_count=Count("endpoints"))

    @admin.display(description=_("rules"))
    def rule_count(self, rule_set: RuleSet) -> int:
        return len(rule_set.rules)

    @admin.display(description=_("ingress endpoints"), ordering="endpoint_count")
    def endpoint_count(self, rule_set: Any) -> int:
        return int(rule_set.endpoint_count)

    def view_on_site(self, rule_set: RuleSet) -> str:
        return reverse("rulesets:detail", args=[rule_set.id])

    # Rules are checked, versioned and announced to the workers: only services do.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """What uses a rule set protects it here as it does in `services.delete`."""
        gone, counts, missing, protected = super().get_deleted_objects(objs, request)
        users = [user.source_name for rule_set in objs for user in users_of(rule_set.arn)]
        return gone, counts, missing, protected or users

    def delete_model(self, request: HttpRequest, obj: RuleSet) -> None:
        services.delete(actor_of(request), obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[RuleSet]) -> None:
        for rule_set in queryset:
            self.delete_model(request, rule_set)
