"""Django admin of the mail flow: to look up only. The console and `manage.py spool` act on mail."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.read_only_admin import ReadOnlyAdmin
from mailflow.models import MessageTrace, RecipientTrace, SpoolDelivery, SpoolMessage, TraceEvent


class _ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _RecipientInline(_ReadOnlyInline):
    model = RecipientTrace


class _EventInline(_ReadOnlyInline):
    model = TraceEvent


class _DeliveryInline(_ReadOnlyInline):
    model = SpoolDelivery
    fields = ["position", "state", "remaining", "attempts", "next_attempt_at", "last_result"]


@admin.register(MessageTrace)
class MessageTraceAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "received_at",
        "outcome",
        "reverse_path",
        "subject",
        "endpoint_name",
        "peer_address",
    ]
    list_filter = ["outcome"]
    search_fields = ["=id", "=session_id"]
    search_help_text = _("A message ID or a session ID. By address, search in the console's message trace.")
    inlines = [_RecipientInline, _EventInline]
    list_per_page = 50

    def view_on_site(self, trace: MessageTrace) -> str:
        return reverse("mailflow:detail", args=[trace.id])


@admin.register(SpoolMessage)
class SpoolMessageAdmin(ReadOnlyAdmin):
    """Content is not shown: who may look after mail may not therefore read it."""

    list_display = [
        "id",
        "size_bytes",
        "planned_at",
        "next_attempt_at",
        "lease_owner",
        "leased_until",
        "hold_reason",
    ]
    list_filter = ["planned_at", "next_attempt_at"]
    search_fields = ["=id"]
    inlines = [_DeliveryInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpoolMessage]:
        return SpoolMessage.objects.all()

    def view_on_site(self, message: SpoolMessage) -> str:
        return reverse("mailflow:detail", args=[message.id])
