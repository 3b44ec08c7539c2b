"""Django admin of ingress endpoints: to look up and to delete. They are made and edited in the console."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.services import actor_of
from endpoints import services, words
from endpoints.models import EndpointAddress, IngressEndpoint, TrustStore


class ReadOnlyAdmin(admin.ModelAdmin):
    # Rows are moved by claims, and announced to the ingress: only services do that.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(IngressEndpoint)
class IngressEndpointAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "id",
        "type",
        "status",
        "tls_policy",
        "host_name",
        "traffic_policy",
        "rule_set",
        "updated_at",
    ]
    list_filter = ["status", "type", "tls_policy", "created_at"]
    list_select_related = ["traffic_policy", "rule_set"]
    search_fields = ["name", "id", "record_label", "addresses__address"]
    ordering = ["name"]
    fields = [
        "id",
        "name",
        "type",
        "tls_policy",
        "status",
        "told_reason",
        "host_name",
        "traffic_policy",
        "rule_set",
        "password_version",
        "previous_password_expires_at",
        "created_at",
        "updated_at",
    ]
    readonly_fields = ["told_reason", "host_name"]

    @admin.display(description=_("ARecord"), ordering="record_label", empty_value="-")
    def host_name(self, endpoint: IngressEndpoint) -> str:
        return endpoint.a_record

    @admin.display(description=_("reason"), empty_value="-")
    def told_reason(self, endpoint: IngressEndpoint) -> str:
        return words.reason(endpoint)

    def view_on_site(self, endpoint: IngressEndpoint) -> str:
        return reverse("endpoints:detail", args=[endpoint.id])

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """Addresses are given back, not deleted: none of them stands in the way."""
        return [str(endpoint) for endpoint in objs], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: IngressEndpoint) -> None:
        services.delete(actor_of(request), obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[IngressEndpoint]) -> None:
        for endpoint in queryset:
            self.delete_model(request, endpoint)


@admin.register(EndpointAddress)
class EndpointAddressAdmin(ReadOnlyAdmin):
    list_display = ["address", "endpoint", "rests_until"]
    list_select_related = ["endpoint"]
    search_fields = ["address", "endpoint__name", "endpoint__id"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TrustStore)
class TrustStoreAdmin(ReadOnlyAdmin):
    list_display = ["endpoint"]
    list_select_related = ["endpoint"]
    search_fields = ["endpoint__name", "endpoint__id"]
