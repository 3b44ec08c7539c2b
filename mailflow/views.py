"""The message trace: what became of this mail?"""

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.cells import status_cell, time_cell
from console.listing import Column, Listing
from mailflow import services
from mailflow.forms import TraceFilter
from mailflow.looks import OUTCOMES
from mailflow.models import MessageTrace, RecipientTrace, SpoolMessage
from mailflow.stories import story_of

NAV = "trace"
_SHOWN_RECIPIENTS = 2


@page()
@require_safe
def trace_list(request: HttpRequest) -> HttpResponse:
    form = TraceFilter(request.GET)
    recipients = Prefetch("recipients", RecipientTrace.objects.order_by("id"), to_attr="shown_recipients")
    listing = Listing(
        request,
        form.narrow(MessageTrace.objects.prefetch_related(recipients)),
        columns=[
            Column("received", _("Received"), lambda trace: time_cell(trace.received_at, is_exact=True)),
            Column("outcome", _("Outcome"), lambda trace: status_cell(OUTCOMES[trace.outcome])),
            Column("sender", _("Sender"), lambda trace: trace.reverse_path or "<>"),
            Column("recipients", _("Recipients"), _recipients),
            Column("subject", _("Subject"), lambda trace: trace.subject),
            Column("endpoint", _("Ingress endpoint"), lambda trace: trace.endpoint_name or trace.endpoint_id),
            Column("client", _("Client"), lambda trace: trace.peer_address, default=False),
            Column("id", _("Message ID"), lambda trace: trace.id, default=False),
        ],
        keyset="-id",
        page_sizes=(50, 100, 200),
        empty_title=_("No messages yet"),
        empty_text=_("Every message that an ingress endpoint accepts or refuses is told here."),
        row_url=lambda trace: reverse("mailflow:detail", args=[trace.id]),
    )
    context = {
        "listing": listing,
        "form": form,
        "spooled_count": SpoolMessage.objects.count(),
        "nav": NAV,
        "breadcrumbs": [(_("Message trace"), "")],
    }
    return render(request, "mailflow/list.html", context)


def _recipients(trace: MessageTrace) -> str:
    mailboxes = [recipient.mailbox for recipient in trace.shown_recipients]  # type: ignore[attr-defined]
    shown = ", ".join(mailboxes[:_SHOWN_RECIPIENTS])
    others = len(mailboxes) - _SHOWN_RECIPIENTS
    if others <= 0:
        return shown
    return ngettext("%(shown)s and %(count)d other", "%(shown)s and %(count)d others", others) % {
        "shown": shown,
        "count": others,
    }


@page()
@require_safe
def detail(request: HttpRequest, message_id: str) -> HttpResponse:
    """The page, or for htmx, while something is under way, what changes in it."""
    context = {
        "message_id": message_id,
        "story": story_of(message_id),
        "nav": NAV,
        "breadcrumbs": [(_("Message trace"), reverse("mailflow:list")), (message_id, "")],
    }
    template = "mailflow/_story.html" if getattr(request, "htmx", None) else "mailflow/detail.html"
    return render(request, template, context)


@page(Permission.WRITE)
@require_POST
def retry(request: HttpRequest, message_id: str) -> HttpResponse:
    services.retry(actor_of(request), message_id)
    messages.success(request, _("What waits is tried again now."))
    return redirect("mailflow:detail", message_id)
