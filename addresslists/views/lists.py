"""Address lists: the list of them, a new one, the page of one, the end of one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from addresslists import words
from addresslists.forms import AddForm, AskForm, NewListForm, PrefixForm, UploadForm, named_by_text
from addresslists.models import AddressList
from addresslists.reading import get, matching_members, members_of
from addresslists.services import lists
from addresslists.views.crumbs import NAV, crumbs
from addresslists.views.imports import import_file, jobs_of
from console.cells import time_cell
from console.deletion import delete_view
from console.listing import Column, Listing, go_to_selected
from console.way_back import way_back
from core.errors import Conflict, Invalid, QuotaExceeded
from resources.services import users_of


@page()
@require_safe
def address_lists(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        AddressList.objects.all(),
        columns=[
            Column("name", _("Name"), lambda found: found.name, sort="name"),
            Column("id", _("ID"), lambda found: found.id, sort="id"),
            Column(
                "member_count",
                _("Addresses"),
                lambda found: localize(found.member_count),
                sort="member_count",
                is_number=True,
            ),
            Column(
                "updated_at", _("Last changed"), lambda found: time_cell(found.updated_at), sort="updated_at"
            ),
        ],
        search=["name", "id"],
        radio=True,
        empty_title=_("No address lists"),
        empty_text=_("Policies and rules can ask whether an address is in an address list."),
        empty_action=(_("Create address list"), reverse("addresslists:create")),
        row_url=lambda found: reverse("addresslists:detail", args=[found.id]),
        actions=[(_("Delete"), reverse("addresslists:delete_chosen"))],
    )
    return render(
        request, "addresslists/list.html", {"listing": listing, "nav": NAV, "breadcrumbs": crumbs()}
    )


@page(Permission.WRITE)
@require_safe
def chosen(request: HttpRequest) -> HttpResponse:
    """From the list's button to the page of the row that was chosen."""
    return go_to_selected(request, "addresslists:delete", "addresslists:list")


@page(Permission.WRITE)
def create(request: HttpRequest) -> HttpResponse:
    form = NewListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data.pop("file")
        try:
            made = lists.create(actor_of(request), **form.cleaned_data)
        except (Invalid, Conflict, QuotaExceeded) as error:
            if isinstance(error, Invalid):
                error = named_by_text(error, "members", form.cleaned_data["members"])
            form.add_service_error(error, {"Tags": "tags"})
        else:
            messages.success(request, _("Address list %(name)s was created.") % {"name": made.name})
            if file:
                import_file(request, made, file)
            return redirect(way_back(request) or reverse("addresslists:detail", args=[made.id]))
    context = {
        "form": form,
        "cancel_url": way_back(request) or reverse("addresslists:list"),
        "nav": NAV,
        "breadcrumbs": crumbs(last=_("Create address list")),
    }
    return render(request, "addresslists/create.html", context)


@page()
@require_safe
def detail(request: HttpRequest, list_id: str) -> HttpResponse:
    return render(request, "addresslists/detail.html", told(request, get(list_id)))


def told(request: HttpRequest, address_list: AddressList, **forms: Any) -> dict[str, Any]:
    """What the page of a list shows. `forms`: those that were sent and come back with what is wrong."""
    asked = AskForm(request.GET if "address" in request.GET else None)
    matching = None
    if asked.is_bound and asked.is_valid():
        matching = matching_members(address_list.id, asked.cleaned_data["address"])
    return {
        "address_list": address_list,
        "asked": asked,
        "matching": matching,
        "members": _members(request, address_list),
        "prefix_form": PrefixForm(request.GET),
        "add_form": AddForm(),
        "upload_form": UploadForm(),
        **jobs_of(address_list),
        "document": words.api_representation(address_list),
        "cli": words.cli_command(address_list),
        "nav": NAV,
        "breadcrumbs": crumbs(address_list),
        **forms,
    }


def _members(request: HttpRequest, address_list: AddressList) -> Listing:
    prefix = request.GET.get("begins", "").replace("\0", "").strip()[:320]
    may_write = actor_of(request).may(Permission.WRITE)
    return Listing(
        request,
        members_of(address_list.id, prefix=prefix),
        columns=[
            Column("address", _("Address"), lambda member: member.address),
            Column("added_at", _("Added"), lambda member: time_cell(member.added_at)),
        ],
        radio=may_write,
        keyset="address",
        empty_title=_("No addresses"),
        empty_text=_("Nobody is in this list yet."),
        actions=[(_("Remove"), reverse("addresslists:remove", args=[address_list.id]))] if may_write else [],
        id="members",
    )


@page(Permission.WRITE)
def delete(request: HttpRequest, list_id: str) -> HttpResponse:
    address_list = get(list_id)
    return delete_view(
        request,
        name=address_list.name,
        kind=_("address list"),
        delete=lambda: lists.delete(actor_of(request), address_list.id),
        list_url=reverse("addresslists:list"),
        cancel_url=reverse("addresslists:detail", args=[address_list.id]),
        consequences=[
            _("Its addresses (%(count)s), imports and tags go with it.")
            % {"count": localize(address_list.member_count)}
        ],
        users=users_of(address_list.arn),
        breadcrumbs=[
            (_("Address lists"), reverse("addresslists:list")),
            (address_list.name, reverse("addresslists:detail", args=[address_list.id])),
        ],
        nav=NAV,
    )
