"""The pages of SMTP relays."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.deletion import delete_view
from console.listing import Column, Listing, go_to_selected
from console.way_back import way_back
from core.errors import Conflict, Invalid, QuotaExceeded
from relays import services, words
from relays.forms import NewRelayForm, RelayForm
from relays.models import Relay
from relays.probe import Probe
from resources.services import users_of
from secrets_store.findings import shown
from secrets_store.forms.choice import is_refresh, shown_again
from secrets_store.services import readers

NAV = "relays"


def _crumbs(relay: Relay | None = None, *, last: str = "") -> list[tuple[str, str]]:
    crumbs = [(_("SMTP relays"), reverse("relays:list"))]
    if relay:
        crumbs.append((relay.name, reverse("relays:detail", args=[relay.id])))
    if last:
        crumbs.append((last, ""))
    name, _url = crumbs[-1]
    return [*crumbs[:-1], (name, "")]


@page()
@require_safe
def relay_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        Relay.objects.all(),
        columns=[
            Column("name", _("Name"), lambda relay: relay.name, sort="name"),
            Column("id", _("ID"), lambda relay: relay.id, sort="id"),
            Column("server_name", _("Server name"), lambda relay: relay.server_name, sort="server_name"),
            Column(
                "server_port",
                _("Server port"),
                lambda relay: str(relay.server_port),
                sort="server_port",
                is_number=True,
            ),
            Column("tls", _("TLS"), lambda relay: relay.get_tls_display(), sort="tls"),
        ],
        search=["name", "id", "server_name"],
        radio=True,
        empty_title=_("No SMTP relays"),
        empty_text=_("An SMTP relay is a server that rules hand mail on to."),
        empty_action=(_("Create SMTP relay"), reverse("relays:create")),
        row_url=lambda relay: reverse("relays:detail", args=[relay.id]),
        actions=[
            (_("Edit"), reverse("relays:edit_chosen")),
            (_("Delete"), reverse("relays:delete_chosen")),
        ],
    )
    return render(request, "relays/list.html", {"listing": listing, "nav": NAV, "breadcrumbs": _crumbs()})


@page(Permission.WRITE)
@require_safe
def chosen(request: HttpRequest, target: str) -> HttpResponse:
    """From a button of the list to the page of the row that was chosen."""
    return go_to_selected(request, target, "relays:list")


@page(Permission.WRITE)
def create(request: HttpRequest) -> HttpResponse:
    form = NewRelayForm(request.POST or None)
    if is_refresh(request):
        return _edit_page(request, shown_again(form), None)
    if request.method == "POST" and form.is_valid():
        try:
            relay = services.create(actor_of(request), **form.cleaned_data)
        except (Invalid, Conflict, QuotaExceeded) as error:
            form.add_service_error(error, {"Tags": "tags"})
        else:
            messages.success(request, _("SMTP relay %(name)s was created.") % {"name": relay.name})
            return redirect(way_back(request) or reverse("relays:detail", args=[relay.id]))
    return _edit_page(request, form, None)


@page(Permission.WRITE)
def edit(request: HttpRequest, relay_id: str) -> HttpResponse:
    relay = services.get(relay_id)
    initial = {name: getattr(relay, name) for name in RelayForm.base_fields}
    form = RelayForm(request.POST or None, initial=initial)
    if is_refresh(request):
        return _edit_page(request, shown_again(form), relay)
    if request.method == "POST" and form.is_valid():
        try:
            saved = services.update(actor_of(request), relay.id, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("SMTP relay %(name)s was saved.") % {"name": saved.name})
            return redirect(way_back(request) or reverse("relays:detail", args=[saved.id]))
    return _edit_page(request, form, relay)


def _edit_page(request: HttpRequest, form: Form, relay: Relay | None) -> HttpResponse:
    own_page = reverse("relays:detail", args=[relay.id]) if relay else reverse("relays:list")
    context = {
        "form": form,
        "relay": relay,
        "cancel_url": way_back(request) or own_page,
        "nav": NAV,
        "breadcrumbs": _crumbs(relay, last=_("Edit") if relay else _("Create SMTP relay")),
    }
    return render(request, "relays/edit.html", context)


@page()
@require_safe
def detail(request: HttpRequest, relay_id: str) -> HttpResponse:
    return render(request, "relays/detail.html", _told(services.get(relay_id)))


@page(Permission.WRITE)
@require_POST
def test(request: HttpRequest, relay_id: str) -> HttpResponse:
    """The page again, or for htmx its part, with what the relay said."""
    told = services.test_connection(actor_of(request), relay_id)
    template = "relays/_probe.html" if getattr(request, "htmx", None) else "relays/detail.html"
    return render(request, template, _told(services.get(relay_id), told))


def _told(relay: Relay, probe: Probe | None = None) -> dict[str, Any]:
    return {
        "relay": relay,
        "tls_look": words.TLS_LOOKS[relay.tls],
        "probe": probe,
        "secret": readers.find(relay.secret_arn),
        "findings": shown(services.secret_findings(relay), readers.find(relay.secret_arn)),
        "document": words.api_representation(relay),
        "cli": words.cli_command(relay),
        "nav": NAV,
        "breadcrumbs": _crumbs(relay),
    }


@page(Permission.WRITE)
def delete(request: HttpRequest, relay_id: str) -> HttpResponse:
    relay = services.get(relay_id)
    return delete_view(
        request,
        name=relay.name,
        kind=_("SMTP relay"),
        delete=lambda: services.delete(actor_of(request), relay.id),
        list_url=reverse("relays:list"),
        cancel_url=reverse("relays:detail", args=[relay.id]),
        consequences=[_("Mail that still waits for it is bounced in the end.")],
        users=users_of(relay.arn),
        breadcrumbs=[
            (_("SMTP relays"), reverse("relays:list")),
            (relay.name, reverse("relays:detail", args=[relay.id])),
        ],
        nav=NAV,
    )
