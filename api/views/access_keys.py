"""The pages of access keys: one's own, and for administrators everybody's."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from access.doors import page
from access.services import actor_of
from api import access_keys
from api.forms import NewAccessKeyForm
from api.models import AccessKey
from console.cells import status_cell, time_cell
from console.deletion import delete_view
from console.listing import Column, Listing
from console.status import Look, Tone
from core.errors import QuotaExceeded

NAV = "access_keys"
LOOKS = {
    AccessKey.Status.ACTIVE.value: Look(gettext_lazy("Active"), "success", Tone.SUCCESS),
    AccessKey.Status.INACTIVE.value: Look(gettext_lazy("Inactive"), "stopped", Tone.STOPPED),
}


@page()
@require_safe
def key_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        access_keys.visible_to(actor_of(request)),
        columns=[
            Column("id", _("Access key ID"), lambda key: key.id, sort="id"),
            Column("user", _("User"), lambda key: key.user.username, sort="user__username"),
            Column("status", _("Status"), lambda key: status_cell(LOOKS[key.status]), sort="status"),
            Column(
                "last_used_at", _("Last used"), lambda key: time_cell(key.last_used_at), sort="last_used_at"
            ),
            Column("created_at", _("Created"), lambda key: time_cell(key.created_at), sort="created_at"),
        ],
        search=["id", "user__username"],
        row_url=lambda key: reverse("access_keys:detail", args=[key.id]),
        empty_title=_("No access keys"),
        empty_text=_("An access key lets boto3, the AWS CLI and other programs act in your name."),
        empty_action=(_("Create access key"), reverse("access_keys:create")),
    )
    context = {"listing": listing, "nav": NAV, "breadcrumbs": [(_("Access keys"), "")]}
    return render(request, "api/access_keys.html", context)


@page()
@never_cache
def create(request: HttpRequest) -> HttpResponse:
    """The secret stands in the answer to the POST, and nowhere after it."""
    actor = actor_of(request)
    form = NewAccessKeyForm(actor, request.POST if request.method == "POST" else None)
    context = {"form": form, "nav": NAV, "breadcrumbs": _crumbs(_("Create access key"))}
    if request.method == "POST" and form.is_valid():
        try:
            context["key"] = access_keys.create(actor, form.user_name(actor))
        except QuotaExceeded as error:
            form.add_service_error(error)
        else:
            context["endpoint_url"] = request.build_absolute_uri(reverse("api:endpoint"))
            context["region"] = settings.REGION
            return render(request, "api/created_access_key.html", context)
    return render(request, "api/create_access_key.html", context)


@page()
@require_safe
def detail(request: HttpRequest, key_id: str) -> HttpResponse:
    key = access_keys.get(actor_of(request), key_id)
    context = {"key": key, "look": LOOKS[key.status], "nav": NAV, "breadcrumbs": _crumbs(key.id)}
    return render(request, "api/access_key.html", context)


@page()
@require_POST
def switch(request: HttpRequest, key_id: str) -> HttpResponse:
    """Activate or deactivate, as POST `active` says."""
    is_active = request.POST.get("active") == "yes"
    access_keys.set_active(actor_of(request), key_id, is_active=is_active)
    messages.success(
        request, _("The access key is active.") if is_active else _("The access key is inactive.")
    )
    return redirect("access_keys:detail", key_id)


@page()
def delete(request: HttpRequest, key_id: str) -> HttpResponse:
    actor = actor_of(request)
    key = access_keys.get(actor, key_id)
    own_page = reverse("access_keys:detail", args=[key.id])
    return delete_view(
        request,
        name=key.id,
        kind=_("access key"),
        delete=lambda: access_keys.delete(actor, key.id),
        list_url=reverse("access_keys:list"),
        cancel_url=own_page,
        consequences=[_("Programs that use it are refused from now on. It can't be brought back.")],
        breadcrumbs=[(_("Access keys"), reverse("access_keys:list")), (key.id, own_page)],
        nav=NAV,
    )


def _crumbs(last: str) -> list[tuple[str, str]]:
    return [(_("Access keys"), reverse("access_keys:list")), (last, "")]
