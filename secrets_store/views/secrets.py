"""The pages of secrets."""

import json
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.listing import Column, Listing
from console.status import Look, Tone
from core.errors import Conflict, ServiceError
from resources.services import users_of
from secrets_store import findings
from secrets_store.forms.policy import SECRET_INSERTIONS
from secrets_store.forms.secrets import DescriptionForm, KeyForm, RotationForm, SecretDeletionForm
from secrets_store.forms.value import OTHER, PAIRS, ValueForm
from secrets_store.logic.uses import Use
from secrets_store.models import Secret
from secrets_store.services import readers, rotation, secrets
from secrets_store.views.policies import PolicyPage, edit_policy

Crumbs = list[tuple[str, str]]


def look_of(secret: Secret) -> Look:
    if secret.deletion_at:
        return Look(_("Pending deletion"), "warning", Tone.WARNING)
    if secret.rotation_problem:
        return Look(_("Rotation failed"), "error", Tone.ERROR)
    return Look(_("Available"), "success", Tone.SUCCESS)


@page()
def secret_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        Secret.objects.select_related("key").prefetch_related("key__aliases"),
        columns=[
            Column("name", _("Secret name"), lambda secret: secret.name, sort="name"),
            Column("description", _("Description"), lambda secret: secret.description),
            Column("status", _("Status"), lambda secret: look_of(secret).label),
            Column("key", _("Encryption key"), lambda secret: secret.key.name),
            Column("rotation", _("Rotation"), lambda secret: secret.get_rotation_kind_display() or "-"),
            Column("accessed", _("Last retrieved"), lambda secret: secret.last_accessed_at, default=False),
            Column("arn", _("ARN"), lambda secret: secret.arn, default=False),
        ],
        search=["name", "description"],
        empty_title=_("No secrets"),
        empty_action=(_("Store a new secret"), reverse("secrets_store:store")),
        row_url=lambda secret: reverse("secrets_store:secret", args=[secret.pk]),
    )
    context = {"listing": listing, "nav": "secrets", "breadcrumbs": [(_("Secrets"), "")]}
    return render(request, "secrets_store/secrets.html", context)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What keeps readers of one kind from the secret; an empty list: nothing."""

    label: str
    findings: list[findings.Shown]


@page()
@never_cache
def secret_page(request: HttpRequest, pk: int) -> HttpResponse:
    return _summary(request, _found(pk))


@page(Permission.ADMINISTER)
@require_POST
@never_cache
def retrieve(request: HttpRequest, pk: int) -> HttpResponse:
    """The summary with the value in the clear, this once; the audit log keeps that."""
    secret = _found(pk)
    _version, content = secrets.retrieve_value(actor_of(request), secret.arn)
    return _summary(request, secret, shown=_readable(content))


def _summary(request: HttpRequest, secret: Secret, shown: Any = None) -> HttpResponse:
    versions = secret.versions.defer("sealed").prefetch_related("stages")[:20]
    context = {
        "secret": secret,
        "look": look_of(secret),
        "shown": shown,
        "versions": versions,
        "readiness": [
            Readiness(label, _shown_findings(use, secret))
            for use, label in ((Use.ENDPOINT, _("Ingress endpoints")), (Use.RELAY, _("SMTP relays")))
        ],
        "policy": json.dumps(secret.policy, indent=2) if secret.policy is not None else "",
        "document": secret.document,
        "cli": f"aws secretsmanager describe-secret --secret-id {secret.name}",
        "breadcrumbs": _crumbs(secret),
        "nav": "secrets",
    }
    return render(request, "secrets_store/secret.html", context)


@page(Permission.WRITE)
def edit_value(request: HttpRequest, pk: int) -> HttpResponse:
    """A new version. What is stored is not shown: retrieving it is a step of its own."""
    secret = _found(pk)
    initial = {"use": _use_of(secret), "mode": PAIRS}
    form = ValueForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            secrets.put_value(actor_of(request), secret.arn, form.cleaned_data["value"])
        except ServiceError as error:
            form.add_service_error(error, {"value": "pairs"})
        else:
            messages.success(request, _("The value was saved as a new version."))
            return redirect("secrets_store:secret", pk)
    context = {"form": form, "secret": secret, **_place(secret, _("Edit secret value"))}
    return render(request, "secrets_store/edit_value.html", context)


@page(Permission.WRITE)
def edit_policy_page(request: HttpRequest, pk: int) -> HttpResponse:
    secret = _found(pk)
    wish = PolicyPage(
        title=_("Edit permissions"),
        name=secret.name,
        policy=secret.policy,
        save=lambda document: secrets.set_policy(actor_of(request), secret.arn, document),
        back_url=reverse("secrets_store:secret", args=[pk]),
        insertions=SECRET_INSERTIONS,
        is_key=False,
        **_place(secret, _("Edit permissions")),
    )
    return edit_policy(request, wish)


@page(Permission.WRITE)
def edit_key(request: HttpRequest, pk: int) -> HttpResponse:
    secret = _found(pk)
    form = KeyForm(request.POST if request.method == "POST" else None, initial={"key_id": secret.key_id})
    if request.method == "POST" and form.is_valid():
        try:
            secrets.update(actor_of(request), secret.arn, key_id=form.cleaned_data["key_id"])
        except ServiceError as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("The encryption key was changed."))
            return redirect("secrets_store:secret", pk)
    return _form_page(request, secret, form, _("Edit encryption key"))


@page(Permission.WRITE)
def edit_description(request: HttpRequest, pk: int) -> HttpResponse:
    secret = _found(pk)
    form = DescriptionForm(request.POST or None, initial={"description": secret.description})
    if request.method == "POST" and form.is_valid():
        secrets.update(actor_of(request), secret.arn, description=form.cleaned_data["description"])
        messages.success(request, _("The description was saved."))
        return redirect("secrets_store:secret", pk)
    return _form_page(request, secret, form, _("Edit description"))


@page(Permission.WRITE)
def edit_rotation(request: HttpRequest, pk: int) -> HttpResponse:
    secret = _found(pk)
    initial = {
        "kind": secret.rotation_kind,
        "schedule": secret.rotation_schedule,
        "function": secret.rotation_function,
    }
    form = RotationForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            rotation.configure(actor_of(request), secret.arn, **form.cleaned_data)
        except ServiceError as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("The rotation was saved."))
            return redirect("secrets_store:secret", pk)
    context = {"form": form, "secret": secret, **_place(secret, _("Edit rotation"))}
    return render(request, "secrets_store/edit_rotation.html", context)


@page(Permission.WRITE)
@require_POST
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    secret = _found(pk)
    try:
        rotation.rotate(actor_of(request), secret.arn)
    except Conflict as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The secret was rotated. The former value stays good for now."))
    return redirect("secrets_store:secret", pk)


@page(Permission.WRITE)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    secret = _found(pk)
    users = users_of(secret.arn)
    form = SecretDeletionForm(secret.name, request.POST if request.method == "POST" else None)
    if request.method == "POST" and not users and form.is_valid():
        try:
            secrets.schedule_deletion(actor_of(request), secret.arn, days=form.cleaned_data["days"])
        except ServiceError as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("%(name)s is scheduled for deletion.") % {"name": secret.name})
            return redirect("secrets_store:secret", pk)
    context = {"form": form, "secret": secret, "users": users, **_place(secret, _("Delete"))}
    return render(request, "secrets_store/delete_secret.html", context)


@page(Permission.WRITE)
@require_POST
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    secret = secrets.restore(actor_of(request), _found(pk).arn)
    messages.success(request, _("The deletion of %(name)s was cancelled.") % {"name": secret.name})
    return redirect("secrets_store:secret", pk)


def _found(pk: int) -> Secret:
    secret = Secret.objects.select_related("key").prefetch_related("key__aliases").filter(pk=pk).first()
    if secret is None:
        raise Http404
    return secret


def _form_page(request: HttpRequest, secret: Secret, form: Any, title: str) -> HttpResponse:
    context = {"form": form, "secret": secret, "title": title, **_place(secret, title)}
    return render(request, "secrets_store/edit_secret.html", context)


def _place(secret: Secret, title: str) -> dict[str, Any]:
    return {"breadcrumbs": [*_crumbs(secret, is_link=True), (title, "")], "nav": "secrets"}


def _crumbs(secret: Secret, *, is_link: bool = False) -> Crumbs:
    url = reverse("secrets_store:secret", args=[secret.pk]) if is_link else ""
    return [(_("Secrets"), reverse("secrets_store:secrets")), (secret.name, url)]


def _shown_findings(use: Use, secret: Secret) -> list[findings.Shown]:
    return findings.shown(readers.findings_for(use, readers.example_reader(use), secret.arn), secret)


def _use_of(secret: Secret) -> str:
    """What the current value's keys tell of its use."""
    current = secret.versions.filter(stages__name="AWSCURRENT").defer("sealed").first()
    names = set(current.value_keys) if current else set()
    for use in (Use.RELAY, Use.ENDPOINT):
        if names and names == set(readers.NEEDS[use].value_keys):
            return use.value
    return OTHER


def _readable(content: bytes) -> list[tuple[str, str]]:
    """Pairs to show: the members of a JSON object, or the whole text with no key."""
    text = content.decode("utf-8", "replace")
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        return [("", text)]
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in members.items()]
