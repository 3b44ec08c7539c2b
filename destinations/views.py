"""The pages of mailboxes, buckets and roles."""

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.listing import Column, Listing, go_to_selected
from console.templatetags.console import exact
from console.way_back import way_back
from core.errors import Conflict, Invalid
from destinations import services, words
from destinations.files import Fill
from destinations.forms import BucketForm, EmptyingForm, MailboxForm, ServerForm
from destinations.models import Bucket, Mailbox, Role
from resources.services import tags_of

Crumbs = list[tuple[str, str]]


@page(Permission.WRITE)
@require_safe
def chosen(request: HttpRequest, target: str, back: str) -> HttpResponse:
    """From a button of a list to the page of the row that was chosen."""
    return go_to_selected(request, target, back)


def _ending(crumbs: Sequence[tuple[str, str]]) -> Crumbs:
    name, _url = crumbs[-1]
    return [*crumbs[:-1], (name, "")]


# --- mailboxes ------------------------------------------------------------------------------------


def _mailbox_crumbs(mailbox: Mailbox | None = None, *, last: str = "") -> Crumbs:
    crumbs = [(_("Mailboxes"), reverse("destinations:mailboxes"))]
    if mailbox:
        crumbs.append((mailbox.name, reverse("destinations:mailbox", args=[mailbox.id])))
    return _ending([*crumbs, (last, "")] if last else crumbs)


@page()
@require_safe
def mailbox_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        Mailbox.objects.all(),
        columns=[
            Column("name", _("Name"), lambda mailbox: mailbox.name, sort="name"),
            Column("id", _("ID"), lambda mailbox: mailbox.id, sort="id"),
            Column("kind", _("Kind"), lambda mailbox: mailbox.get_kind_display(), sort="kind"),
            Column("server", _("LMTP server"), words.server_of, sort="lmtp_host"),
        ],
        search=["name", "id", "lmtp_host"],
        radio=True,
        empty_title=_("No mailboxes"),
        empty_text=_("A mailbox is where rules deliver mail to: a Maildir, or an LMTP server."),
        empty_action=(_("Create mailbox"), reverse("destinations:create_mailbox")),
        row_url=lambda mailbox: reverse("destinations:mailbox", args=[mailbox.id]),
        actions=[(_("Delete"), reverse("destinations:delete_chosen_mailbox"))],
    )
    context = {"listing": listing, "nav": "mailboxes", "breadcrumbs": _mailbox_crumbs()}
    return render(request, "destinations/mailboxes.html", context)


@page(Permission.WRITE)
def create_mailbox(request: HttpRequest) -> HttpResponse:
    form = MailboxForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_mailbox(actor_of(request), **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.add_service_error(error, {"Tags": "tags"})
        else:
            messages.success(request, _("Mailbox %(name)s was created.") % {"name": made.name})
            return redirect(way_back(request) or reverse("destinations:mailbox", args=[made.id]))
    return _mailbox_form(request, form, None)


@page(Permission.WRITE)
def edit_mailbox(request: HttpRequest, mailbox_id: str) -> HttpResponse:
    mailbox = services.get_mailbox(mailbox_id)
    initial = {name: getattr(mailbox, name) for name in ServerForm.base_fields}
    form = ServerForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_mailbox(actor_of(request), mailbox.id, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("Mailbox %(name)s was saved.") % {"name": mailbox.name})
            return redirect(way_back(request) or reverse("destinations:mailbox", args=[mailbox.id]))
    return _mailbox_form(request, form, mailbox)


def _mailbox_form(request: HttpRequest, form: ServerForm, mailbox: Mailbox | None) -> HttpResponse:
    own_page = (
        reverse("destinations:mailbox", args=[mailbox.id]) if mailbox else reverse("destinations:mailboxes")
    )
    context = {
        "form": form,
        "mailbox": mailbox,
        "cancel_url": way_back(request) or own_page,
        "nav": "mailboxes",
        "breadcrumbs": _mailbox_crumbs(mailbox, last=_("Edit") if mailbox else _("Create mailbox")),
    }
    return render(request, "destinations/edit_mailbox.html", context)


@page()
@require_safe
def mailbox(request: HttpRequest, mailbox_id: str) -> HttpResponse:
    mailbox = services.get_mailbox(mailbox_id)
    fill = services.fill_of_mailbox(mailbox)
    context = {
        "mailbox": mailbox,
        "server": words.server_of(mailbox),
        "fill": words.fill_in_words(fill) if mailbox.kind == Mailbox.Kind.MAILDIR else "",
        "action": words.mailbox_action(mailbox),
        "tags": tags_of(mailbox.arn),
        "nav": "mailboxes",
        "breadcrumbs": _mailbox_crumbs(mailbox),
    }
    return render(request, "destinations/mailbox.html", context)


@page(Permission.WRITE)
def delete_mailbox(request: HttpRequest, mailbox_id: str) -> HttpResponse:
    mailbox = services.get_mailbox(mailbox_id)
    return _delete_page(
        request,
        name=mailbox.name,
        kind=_("mailbox"),
        fill=services.fill_of_mailbox(mailbox),
        contents=words.messages_in_words,
        delete=lambda also: services.delete_mailbox(actor_of(request), mailbox.id, with_messages=also),
        list_url=reverse("destinations:mailboxes"),
        cancel_url=reverse("destinations:mailbox", args=[mailbox.id]),
        nav="mailboxes",
        breadcrumbs=_mailbox_crumbs(mailbox, last=_("Delete")),
    )


# --- buckets --------------------------------------------------------------------------------------


def _bucket_crumbs(bucket: Bucket | None = None, *, last: str = "") -> Crumbs:
    crumbs = [(_("Buckets"), reverse("destinations:buckets"))]
    if bucket:
        crumbs.append((bucket.name, reverse("destinations:bucket", args=[bucket.name])))
    return _ending([*crumbs, (last, "")] if last else crumbs)


@page()
@require_safe
def bucket_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        Bucket.objects.all(),
        columns=[
            Column("name", _("Name"), lambda bucket: bucket.name, sort="name"),
            Column("arn", _("ARN"), lambda bucket: bucket.arn),
            Column("created", _("Created"), lambda bucket: exact(bucket.created_at), sort="created_at"),
        ],
        search=["name"],
        search_label=_("Find by name"),
        radio=True,
        empty_title=_("No buckets"),
        empty_text=_("A bucket is where rules write raw messages to."),
        empty_action=(_("Create bucket"), reverse("destinations:create_bucket")),
        row_url=lambda bucket: reverse("destinations:bucket", args=[bucket.name]),
        actions=[(_("Delete"), reverse("destinations:delete_chosen_bucket"))],
    )
    context = {"listing": listing, "nav": "buckets", "breadcrumbs": _bucket_crumbs()}
    return render(request, "destinations/buckets.html", context)


@page(Permission.WRITE)
def create_bucket(request: HttpRequest) -> HttpResponse:
    form = BucketForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_bucket(actor_of(request), **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.add_service_error(error, {"Tags": "tags"})
        else:
            messages.success(request, _("Bucket %(name)s was created.") % {"name": made.name})
            return redirect(way_back(request) or reverse("destinations:bucket", args=[made.name]))
    context = {
        "form": form,
        "cancel_url": way_back(request) or reverse("destinations:buckets"),
        "nav": "buckets",
        "breadcrumbs": _bucket_crumbs(last=_("Create bucket")),
    }
    return render(request, "destinations/create_bucket.html", context)


@page()
@require_safe
def bucket(request: HttpRequest, name: str) -> HttpResponse:
    bucket = services.find_bucket(name)
    context = {
        "bucket": bucket,
        "fill": words.fill_in_words(services.fill_of_bucket(bucket)),
        "action": words.bucket_action(bucket),
        "tags": tags_of(bucket.arn),
        "nav": "buckets",
        "breadcrumbs": _bucket_crumbs(bucket),
    }
    return render(request, "destinations/bucket.html", context)


@page(Permission.WRITE)
def delete_bucket(request: HttpRequest, name: str) -> HttpResponse:
    bucket = services.find_bucket(name)
    return _delete_page(
        request,
        name=bucket.name,
        kind=_("bucket"),
        fill=services.fill_of_bucket(bucket),
        contents=words.objects_in_words,
        delete=lambda also: services.delete_bucket(actor_of(request), bucket.name, with_objects=also),
        list_url=reverse("destinations:buckets"),
        cancel_url=reverse("destinations:bucket", args=[bucket.name]),
        nav="buckets",
        breadcrumbs=_bucket_crumbs(bucket, last=_("Delete")),
    )


def _delete_page(
    request: HttpRequest,
    *,
    name: str,
    kind: str,
    fill: Fill,
    contents: Callable[[Fill], str],
    delete: Callable[[bool], None],
    list_url: str,
    cancel_url: str,
    nav: str,
    breadcrumbs: Crumbs,
) -> HttpResponse:
    """Asks for the name, and where there is mail in it, whether that shall go too."""
    form = EmptyingForm(name, contents(fill), request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            delete(form.cleaned_data["with_contents"])
        except Conflict as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("%(name)s was deleted.") % {"name": name})
            return redirect(list_url)
    context = {
        "form": form,
        "name": name,
        "kind": kind,
        "fill": fill,
        "cancel_url": cancel_url,
        "nav": nav,
        "breadcrumbs": breadcrumbs,
    }
    return render(request, "destinations/delete.html", context)


# --- roles ----------------------------------------------------------------------------------------


@page()
@require_safe
def role_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        Role.objects.all(),
        columns=[
            Column("name", _("Name"), lambda role: role.name, sort="name"),
            Column("arn", _("ARN"), lambda role: role.arn),
            Column("description", _("Description"), lambda role: role.description),
        ],
        search=["name", "description"],
        search_label=_("Find by name or description"),
        empty_title=_("No roles"),
        empty_text=_("The role of this installation's own mailboxes and buckets is made at the first start."),
    )
    context = {"listing": listing, "nav": "roles", "breadcrumbs": [(_("Roles"), "")]}
    return render(request, "destinations/roles.html", context)
