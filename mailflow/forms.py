"""The filter of the message trace."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.forms import ConsoleForm
from core.identifiers import first_message_id
from endpoints.models import IngressEndpoint
from mailflow.models import MessageTrace, Outcome, RecipientTrace


class TraceFilter(ConsoleForm):
    """Every field narrows by an index: the table has no end."""

    recipient = forms.CharField(label=gettext_lazy("Recipient"), required=False, max_length=320)
    sender = forms.CharField(label=gettext_lazy("Sender"), required=False, max_length=320)
    endpoint = forms.ChoiceField(label=gettext_lazy("Ingress endpoint"), required=False)
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), required=False)
    since = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=gettext_lazy("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    message = forms.CharField(label=gettext_lazy("Message ID"), required=False, max_length=40)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        endpoints = IngressEndpoint.objects.order_by("name").values_list("id", "name")
        self.fields["endpoint"].choices = [("", _("All")), *endpoints]  # type: ignore[attr-defined]
        self.fields["outcome"].choices = [("", _("All")), *Outcome.choices]  # type: ignore[attr-defined]

    def narrow(self, traces: QuerySet[MessageTrace]) -> QuerySet[MessageTrace]:
        """Traces that fit what is well typed; a field that isn't narrows nothing and says so."""
        self.is_valid()
        wanted = self.cleaned_data
        if wanted.get("message"):
            traces = traces.filter(pk=wanted["message"].lower())
        if wanted.get("endpoint"):
            traces = traces.filter(endpoint_id=wanted["endpoint"])
        if wanted.get("outcome"):
            traces = traces.filter(outcome=wanted["outcome"])
        if wanted.get("sender"):
            sender = "" if wanted["sender"] == "<>" else wanted["sender"].lower()
            traces = traces.alias(folded=Lower("reverse_path")).filter(folded=sender)
        if wanted.get("recipient"):
            traces = traces.filter(pk__in=_traces_of(wanted["recipient"]))
        # IDs sort by time, so that the pages' own order serves.
        if wanted.get("since"):
            traces = traces.filter(pk__gte=first_message_id(_midnight(wanted["since"])))
        if wanted.get("until"):
            traces = traces.filter(pk__lt=first_message_id(_midnight(wanted["until"] + timedelta(days=1))))
        return traces


def _traces_of(recipient: str) -> Any:
    found = RecipientTrace.objects.alias(folded=Lower("mailbox")).filter(folded=recipient.lower())
    return found.order_by().values("trace_id")


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
