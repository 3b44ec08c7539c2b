"""The audit log: who did what, when, from where."""

import json
from datetime import datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.doors import page
from access.models import AuditEntry
from console.cells import code_cell, time_cell
from console.listing import Column, Listing
from core.identifiers import parse_arn


class AuditFilter(forms.Form):
    """All optional; they narrow together. Dates are days of the reader's zone."""

    actor = forms.CharField(label=gettext_lazy("Who"), max_length=150, required=False)
    action = forms.CharField(label=gettext_lazy("Action"), max_length=64, required=False)
    resource = forms.CharField(label=gettext_lazy("Resource"), max_length=255, required=False)
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def narrow(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Entries that fit what is well typed; a field that isn't narrows nothing and says so."""
        self.is_valid()
        wanted = self.cleaned_data
        if wanted.get("actor"):
            entries = entries.filter(actor__iexact=wanted["actor"])
        if wanted.get("action"):
            entries = entries.filter(action__icontains=wanted["action"])
        if wanted.get("resource"):
            entries = entries.filter(resource_arn__icontains=wanted["resource"])
        if wanted.get("since"):
            entries = entries.filter(at__gte=_moment(wanted["since"], time.min))
        if wanted.get("until"):
            entries = entries.filter(at__lte=_moment(wanted["until"], time.max))
        return entries


def _moment(day: Any, of_day: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, of_day))


@page()
def audit(request: HttpRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    columns = [
        Column("at", _("Time"), lambda entry: time_cell(entry.at, is_exact=True)),
        Column("actor", _("Who"), lambda entry: entry.actor),
        Column("action", _("Action"), lambda entry: code_cell(entry.action)),
        Column("resource", _("Resource"), lambda entry: _resource(entry.resource_arn)),
        Column("detail", _("Detail"), lambda entry: _detail(entry.detail)),
        Column("source", _("From where"), lambda entry: entry.source),
    ]
    listing = Listing(
        request,
        form.narrow(AuditEntry.objects.all()),
        columns=columns,
        keyset="-id",
        page_sizes=(50, 100, 200),
        empty_title=_("Nothing was changed yet"),
    )
    context = {"listing": listing, "form": form, "nav": "audit", "breadcrumbs": [(_("Audit log"), "")]}
    return render(request, "access/audit.html", context)


def _resource(resource_arn: str) -> SafeString | str:
    """The end of the ARN, which tells one from another; the whole of it on hover."""
    arn = parse_arn(resource_arn)
    if arn is None:
        return code_cell(resource_arn)
    return format_html('<span class="audit-resource" title="{}">{}</span>', resource_arn, arn.resource)


def _detail(detail: dict[str, Any]) -> SafeString | str:
    if not detail:
        return "-"
    words = ", ".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"
        for key, value in detail.items()
    )
    return format_html('<span class="audit-detail">{}</span>', words)
