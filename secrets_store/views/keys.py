"""The pages of encryption keys."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.listing import Column, Listing
from console.status import Look, Tone
from core.errors import Conflict, ServiceError
from secrets_store.forms.keys import AliasForm, DescriptionForm, KeyDeletionForm, RotationForm
from secrets_store.forms.policy import KEY_INSERTIONS
from secrets_store.models import EncryptionKey
from secrets_store.services import keys
from secrets_store.views.policies import PolicyPage, edit_policy

State = EncryptionKey.State

LOOKS: dict[str, Look] = {
    State.ENABLED.value: Look(gettext_lazy("Enabled"), "success", Tone.SUCCESS),
    State.DISABLED.value: Look(gettext_lazy("Disabled"), "stopped", Tone.STOPPED),
    State.PENDING_DELETION.value: Look(gettext_lazy("Pending deletion"), "warning", Tone.WARNING),
}


@page()
def key_list(request: HttpRequest) -> HttpResponse:
    """Customer managed keys; the default one stands below them."""
    listing = Listing(
        request,
        # Distinct: a word may be found in several aliases of a key.
        EncryptionKey.objects.filter(manager=EncryptionKey.Manager.CUSTOMER)
        .prefetch_related("aliases")
        .distinct(),
        columns=[
            Column("alias", _("Alias"), lambda key: key.name),
            Column("id", _("Key ID"), lambda key: key.pk, sort="id"),
            Column("state", _("Status"), lambda key: LOOKS[key.state].label, sort="state"),
            Column("description", _("Description"), lambda key: key.description),
            Column("created", _("Created"), lambda key: key.created_at, sort="created_at"),
            Column("arn", _("ARN"), lambda key: key.arn, default=False),
        ],
        search=["id", "aliases__name", "description"],
        empty_title=_("No customer managed keys"),
        empty_action=(_("Create key"), reverse("secrets_store:create_key")),
        row_url=lambda key: reverse("secrets_store:key", args=[key.pk]),
    )
    context = {"listing": listing, "nav": "keys", "breadcrumbs": [(_("Encryption keys"), "")]}
    return render(request, "secrets_store/keys.html", context)


@page()
def key_page(request: HttpRequest, pk: str) -> HttpResponse:
    key = _found(pk)
    context = {
        "key": key,
        "look": LOOKS[key.state],
        "aliases": list(key.aliases.all()),
        "secrets": key.secrets.order_by("name")[:50],
        "secret_count": key.secrets.count(),
        "material_count": key.materials.count(),
        "policy": json.dumps(key.policy, indent=2),
        "document": {
            "KeyId": key.pk,
            "Arn": key.arn,
            "Description": key.description,
            "KeyState": key.state,
            "KeyManager": key.manager,
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
        },
        "cli": f"aws kms describe-key --key-id {key.pk}",
        "breadcrumbs": _crumbs(key),
        "nav": "keys",
    }
    return render(request, "secrets_store/key.html", context)


@page(Permission.ADMINISTER)
def edit_policy_page(request: HttpRequest, pk: str) -> HttpResponse:
    key = _found(pk)
    wish = PolicyPage(
        title=_("Edit key policy"),
        name=key.name,
        policy=key.policy,
        save=lambda document: keys.set_policy(actor_of(request), key.pk, document),
        back_url=reverse("secrets_store:key", args=[pk]),
        insertions=KEY_INSERTIONS,
        is_key=True,
        **_place(key, _("Edit key policy")),
    )
    return edit_policy(request, wish)


@page(Permission.ADMINISTER)
def edit_description(request: HttpRequest, pk: str) -> HttpResponse:
    key = _found(pk)
    form = DescriptionForm(request.POST or None, initial={"description": key.description})
    if request.method == "POST" and form.is_valid():
        keys.set_description(actor_of(request), key.pk, form.cleaned_data["description"])
        messages.success(request, _("The description was saved."))
        return redirect("secrets_store:key", pk)
    return _form_page(request, key, form, _("Edit description"))


@page(Permission.ADMINISTER)
def edit_rotation(request: HttpRequest, pk: str) -> HttpResponse:
    key = _found(pk)
    form = RotationForm(request.POST or None, initial={"period_days": key.rotation_period_days})
    if request.method == "POST" and form.is_valid():
        keys.set_rotation(actor_of(request), key.pk, period_days=form.cleaned_data["period_days"])
        messages.success(request, _("The rotation was saved."))
        return redirect("secrets_store:key", pk)
    return _form_page(request, key, form, _("Edit rotation"))


@page(Permission.ADMINISTER)
def add_alias(request: HttpRequest, pk: str) -> HttpResponse:
    key = _found(pk)
    form = AliasForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            keys.create_alias(actor_of(request), form.cleaned_data["alias"], key.pk)
        except ServiceError as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("The alias was added."))
            return redirect("secrets_store:key", pk)
    return _form_page(request, key, form, _("Add alias"))


@page(Permission.ADMINISTER)
@require_POST
def remove_alias(request: HttpRequest, pk: str) -> HttpResponse:
    keys.delete_alias(actor_of(request), request.POST.get("alias", ""))
    messages.success(request, _("The alias was removed."))
    return redirect("secrets_store:key", pk)


@page(Permission.ADMINISTER)
@require_POST
def change_state(request: HttpRequest, pk: str) -> HttpResponse:
    """POST `wish`: enable, disable, rotate or cancel_deletion."""
    actor = actor_of(request)
    verbs = {
        "enable": lambda: keys.set_enabled(actor, pk, is_enabled=True),
        "disable": lambda: keys.set_enabled(actor, pk, is_enabled=False),
        "rotate": lambda: keys.rotate_material(actor, pk),
        "cancel_deletion": lambda: keys.cancel_deletion(actor, pk),
    }
    said = {
        "enable": _("The key is enabled."),
        "disable": _("The key is disabled. Endpoints and relays can't read its secrets now."),
        "rotate": _("The key has new material. What was encrypted before still opens."),
        "cancel_deletion": _("The deletion was cancelled. The key is disabled until you enable it."),
    }
    wish = request.POST.get("wish", "")
    if wish not in verbs:
        raise Http404
    try:
        verbs[wish]()
    except Conflict as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said[wish])
    return redirect("secrets_store:key", pk)


@page(Permission.ADMINISTER)
def delete(request: HttpRequest, pk: str) -> HttpResponse:
    key = _found(pk)
    form = KeyDeletionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            keys.schedule_deletion(actor_of(request), key.pk, days=form.cleaned_data["days"])
        except ServiceError as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("%(name)s is scheduled for deletion.") % {"name": key.name})
            return redirect("secrets_store:key", pk)
    secrets = key.secrets.order_by("name")[:50]
    context = {"form": form, "key": key, "secrets": secrets, **_place(key, _("Schedule key deletion"))}
    return render(request, "secrets_store/delete_key.html", context)


def _found(pk: str) -> EncryptionKey:
    key = EncryptionKey.objects.prefetch_related("aliases").filter(pk=pk).first()
    if key is None:
        raise Http404
    return key


def _form_page(request: HttpRequest, key: EncryptionKey, form: Any, title: str) -> HttpResponse:
    context = {"form": form, "key": key, "title": title, **_place(key, title)}
    return render(request, "secrets_store/edit_key.html", context)


def _place(key: EncryptionKey, title: str) -> dict[str, Any]:
    return {"breadcrumbs": [*_crumbs(key, is_link=True), (title, "")], "nav": "keys"}


def _crumbs(key: EncryptionKey, *, is_link: bool = False) -> list[tuple[str, str]]:
    url = reverse("secrets_store:key", args=[key.pk]) if is_link else ""
    return [(_("Encryption keys"), reverse("secrets_store:keys")), (key.name, url)]
