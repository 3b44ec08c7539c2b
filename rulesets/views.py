"""The pages of rule sets."""

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from addresslists.reading import StoredLists
from console.deletion import delete_view
from console.json_editor import check_response
from console.listing import Column, Listing, go_to_selected
from console.way_back import way_back
from core.envelope import Envelope, TlsVersion
from core.errors import Conflict, Invalid, NotFound, QuotaExceeded
from core.message import Message
from destinations.models import Bucket, Mailbox, Role
from relays.models import Relay
from resources.services import users_of
from resources.versions import former_versions
from rulesets import services, words
from rulesets.action_editor import Choices
from rulesets.draft import Draft, problems_in
from rulesets.forms import TriedForm
from rulesets.logic.compile import compile_rule_set
from rulesets.logic.delivery import Plan
from rulesets.models import RuleSet

NAV = "rulesets"
_MAX_OFFERED = 500  # of each kind in a list to choose from; other names can be typed


def _crumbs(rule_set: RuleSet | None = None, *, last: str = "") -> list[tuple[str, str]]:
    crumbs = [(_("Rule sets"), reverse("rulesets:list"))]
    if rule_set:
        crumbs.append((rule_set.name, reverse("rulesets:detail", args=[rule_set.id])))
    if last:
        crumbs.append((last, ""))
    name, _url = crumbs[-1]
    return [*crumbs[:-1], (name, "")]


@page()
@require_safe
def rule_set_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        RuleSet.objects.annotate(endpoint_count=Count("endpoints")).order_by("name"),
        columns=[
            Column("name", _("Name"), lambda rule_set: rule_set.name, sort="name"),
            Column("id", _("ID"), lambda rule_set: rule_set.id, sort="id"),
            Column("rules", _("Rules"), lambda rule_set: str(len(rule_set.rules)), is_number=True),
            Column(
                "endpoints",
                _("Ingress endpoints"),
                lambda rule_set: str(rule_set.endpoint_count),
                sort="endpoint_count",
                is_number=True,
            ),
            Column("updated_at", _("Last changed"), words.last_changed, sort="updated_at"),
        ],
        search=["name", "id"],
        radio=True,
        empty_title=_("No rule sets"),
        empty_text=_("A rule set says what becomes of the mail that an ingress endpoint accepted."),
        empty_action=(_("Create rule set"), reverse("rulesets:create")),
        row_url=lambda rule_set: reverse("rulesets:detail", args=[rule_set.id]),
        actions=[
            (_("Edit"), reverse("rulesets:edit_chosen")),
            (_("Delete"), reverse("rulesets:delete_chosen")),
        ],
    )
    return render(request, "rulesets/list.html", {"listing": listing, "nav": NAV, "breadcrumbs": _crumbs()})


@page(Permission.WRITE)
@require_safe
def chosen(request: HttpRequest, target: str) -> HttpResponse:
    """From a button of the list to the page of the row that was chosen."""
    return go_to_selected(request, target, "rulesets:list")


# --- create, edit ---------------------------------------------------------------------------------


@page(Permission.WRITE)
def create(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@page(Permission.WRITE)
def edit(request: HttpRequest, rule_set_id: str) -> HttpResponse:
    return _edit(request, services.get(rule_set_id))


def _edit(request: HttpRequest, rule_set: RuleSet | None) -> HttpResponse:
    """The page, as form or JSON; POST saves, or carries out a button of an editor and comes back."""
    draft = Draft(rule_set, _choices())
    if request.method != "POST":
        draft.open(request.GET.get("as", ""), request.GET.get("rule", ""))
    elif not draft.read(request.POST) and (wishes := draft.wishes()):
        try:
            saved = _save(request, rule_set, wishes)
        except (Invalid, Conflict, QuotaExceeded) as error:
            draft.show_error(error)
        else:
            return redirect(way_back(request) or reverse("rulesets:detail", args=[saved.id]))
    doubts = services.doubts_of(draft.editor.rules)
    context = {
        "draft": draft,
        "rule_set": rule_set,
        "told": words.rules_in_words(draft.editor.rules, _names(), doubts),
        "doubts": words.whole_doubts(doubts),
        "cancel_url": way_back(request) or _page_of(rule_set),
        "nav": NAV,
        "breadcrumbs": _crumbs(rule_set, last=_("Edit") if rule_set else _("Create rule set")),
    }
    return render(request, "rulesets/edit.html", context)


def _save(request: HttpRequest, rule_set: RuleSet | None, wishes: dict[str, Any]) -> RuleSet:
    if rule_set is None:
        saved = services.create(actor_of(request), **wishes)
        messages.success(request, _("Rule set %(name)s was created.") % {"name": saved.name})
    else:
        saved = services.update(actor_of(request), rule_set.id, **wishes)
        messages.success(request, _("Rule set %(name)s was saved.") % {"name": saved.name})
    return saved


def _choices() -> Choices:
    """What actions can name, the first of each by name."""
    return Choices(
        relays=list(Relay.objects.order_by("name").values_list("id", "name")),
        mailboxes=list(Mailbox.objects.order_by("name").values_list("name", flat=True)[:_MAX_OFFERED]),
        buckets=list(Bucket.objects.order_by("name").values_list("name", flat=True)[:_MAX_OFFERED]),
        roles=[role.arn for role in Role.objects.order_by("name")[:_MAX_OFFERED]],
        default_role=Role(name=Role.LOCAL_NAME).arn,
    )


def _names() -> words.Names:
    relays = {}
    for relay in Relay.objects.all():
        relays[relay.id] = relays[relay.arn] = (relay.name, reverse("relays:detail", args=[relay.id]))
    return words.Names(relays)


def _page_of(rule_set: RuleSet | None) -> str:
    return reverse("rulesets:detail", args=[rule_set.id]) if rule_set else reverse("rulesets:list")


@page(Permission.WRITE)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What the JSON editor asks as one types."""
    return check_response(request, problems_in, field="document")


# --- detail ---------------------------------------------------------------------------------------


@page()
@require_safe
def detail(request: HttpRequest, rule_set_id: str) -> HttpResponse:
    rule_set = services.get(rule_set_id)
    doubts = services.doubts_of(rule_set.rules)
    context = {
        "rule_set": rule_set,
        "rules": words.rules_in_words(rule_set.rules, _names(), doubts),
        "rule_count": len(rule_set.rules),
        "doubts": words.whole_doubts(doubts),
        "document": words.api_representation(rule_set),
        "cli": words.cli_command(rule_set),
        "former_versions": former_versions(rule_set),
        "nav": NAV,
        "breadcrumbs": _crumbs(rule_set),
    }
    return render(request, "rulesets/detail.html", context)


@page()
def try_it(request: HttpRequest, rule_set_id: str) -> HttpResponse:
    """A message on trial. POST, since a message is too long for a URL; it changes nothing."""
    rule_set = services.get(rule_set_id)
    form = TriedForm(request.POST if request.method == "POST" else None)
    plan = _plan(rule_set, form) if form.is_bound and form.is_valid() else None
    context = {
        "rule_set": rule_set,
        "form": form,
        "plan": plan,
        "steps": words.walk_in_words(plan.events) if plan else [],
        "deliveries": words.deliveries_in_words(plan.deliveries, _names()) if plan else [],
        "problem": Message(form.cleaned_data["message"]).problem if plan else "",
        "nav": NAV,
        "breadcrumbs": _crumbs(rule_set, last=_("Try it")),
    }
    return render(request, "rulesets/try.html", context)


def _plan(rule_set: RuleSet, form: TriedForm) -> Plan:
    tried = form.cleaned_data
    envelope = Envelope(
        message_id="",
        endpoint_id="",
        rule_set_id=rule_set.id,
        session_id="",
        received_at=timezone.now(),
        peer_address=tried["peer"],
        endpoint_address="",
        helo=tried["helo"],
        is_esmtp=True,
        reverse_path=tried["reverse_path"],
        forward_paths=tried["recipients"],
        size_bytes=len(tried["message"]),
        tls_version=TlsVersion(tried["tls"]) if tried["tls"] else None,
    )
    return compile_rule_set(rule_set.document, StoredLists()).plan(envelope, Message(tried["message"]))


@page(Permission.WRITE)
@require_POST
def restore(request: HttpRequest, rule_set_id: str) -> HttpResponse:
    number = request.POST.get("number", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFound(_("Choose a version to restore."))
    rule_set = services.restore_version(actor_of(request), rule_set_id, int(number))
    messages.success(request, _("Version %(number)s was restored.") % {"number": number})
    return redirect("rulesets:detail", rule_set.id)


@page(Permission.WRITE)
def delete(request: HttpRequest, rule_set_id: str) -> HttpResponse:
    rule_set = services.get(rule_set_id)
    return delete_view(
        request,
        name=rule_set.name,
        kind=_("rule set"),
        delete=lambda: services.delete(actor_of(request), rule_set.id),
        list_url=reverse("rulesets:list"),
        cancel_url=reverse("rulesets:detail", args=[rule_set.id]),
        consequences=[_("Its rules, versions and tags go with it.")],
        users=users_of(rule_set.arn),
        breadcrumbs=[
            (_("Rule sets"), reverse("rulesets:list")),
            (rule_set.name, reverse("rulesets:detail", args=[rule_set.id])),
        ],
        nav=NAV,
    )
