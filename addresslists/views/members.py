"""Members that are added and removed by hand."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from addresslists.forms import AddForm, named_by_text
from addresslists.models import Member
from addresslists.reading import get
from addresslists.services import members
from addresslists.views.crumbs import NAV, crumbs
from addresslists.views.lists import told
from console.listing import SELECTED
from core.errors import Invalid, NotFound, QuotaExceeded


@page(Permission.WRITE)
@require_POST
def add(request: HttpRequest, list_id: str) -> HttpResponse:
    address_list = get(list_id)
    form = AddForm(request.POST)
    if form.is_valid():
        addresses = form.cleaned_data["addresses"]
        try:
            added = members.register_many(actor_of(request), address_list.id, addresses)
        except Invalid as error:
            form.add_service_error(named_by_text(error, "addresses", addresses))
        except QuotaExceeded as error:
            form.add_service_error(error)
        else:
            said = ngettext("%(count)d address was added.", "%(count)d addresses were added.", added)
            messages.success(request, said % {"count": added})
            return redirect("addresslists:detail", address_list.id)
    return render(request, "addresslists/detail.html", told(request, address_list, add_form=form))


@page(Permission.WRITE)
def remove(request: HttpRequest, list_id: str) -> HttpResponse:
    """Asks (GET, with the row that was chosen), then does it (POST)."""
    address_list = get(list_id)
    asked = request.POST if request.method == "POST" else request.GET
    chosen = asked.get(SELECTED, "")
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) < 19):
        messages.warning(request, _("Choose a row first."))
        return redirect("addresslists:detail", address_list.id)
    member = Member.objects.filter(list=address_list, pk=int(chosen)).first()
    if member is None:
        raise NotFound(_("The address is not in the list any more."))
    if request.method == "POST":
        members.deregister(actor_of(request), address_list.id, member.address)
        messages.success(request, _("%(address)s was removed.") % {"address": member.address})
        return redirect("addresslists:detail", address_list.id)
    context = {
        "address_list": address_list,
        "member": member,
        "cancel_url": reverse("addresslists:detail", args=[address_list.id]),
        "nav": NAV,
        "breadcrumbs": crumbs(address_list, last=_("Remove address")),
    }
    return render(request, "addresslists/remove.html", context)
