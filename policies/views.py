"""The pages of traffic policies."""

from ipaddress import ip_address
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
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
from core.envelope import TlsVersion
from core.errors import Conflict, Invalid, NotFound, QuotaExceeded
from policies import services, words
from policies.draft import Draft, problems_in
from policies.forms import TriedForm
from policies.logic.evaluate import compile_policy
from policies.models import TrafficPolicy
from policies.queries import policies_with_endpoint_count
from resources.services import users_of
from resources.versions import former_versions

NAV = "policies"


def _crumbs(policy: TrafficPolicy | None = None, *, last: str = "") -> list[tuple[str, str]]:
    crumbs = [(_("Traffic policies"), reverse("policies:list"))]
    if policy:
        crumbs.append((policy.name, reverse("policies:detail", args=[policy.id])))
    if last:
        crumbs.append((last, ""))
    name, _url = crumbs[-1]
    return [*crumbs[:-1], (name, "")]


@page()
@require_safe
def policy_list(request: HttpRequest) -> HttpResponse:
    listing = Listing(
        request,
        policies_with_endpoint_count(),
        columns=[
            Column("name", _("Name"), lambda policy: policy.name, sort="name"),
            Column("id", _("ID"), lambda policy: policy.id, sort="id"),
            Column(
                "default_action",
                _("Default action"),
                lambda policy: policy.get_default_action_display(),
                sort="default_action",
            ),
            Column(
                "statements",
                _("Policy statements"),
                lambda policy: str(len(policy.statements)),
                is_number=True,
            ),
            Column(
                "size",
                _("Maximum message size"),
                words.size_limit,
                sort="max_message_size_bytes",
                is_number=True,
            ),
            Column(
                "endpoints",
                _("Ingress endpoints"),
                lambda policy: str(policy.endpoint_count),
                sort="endpoint_count",
                is_number=True,
            ),
        ],
        search=["name", "id"],
        radio=True,
        empty_title=_("No traffic policies"),
        empty_text=_("A traffic policy says which mail an ingress endpoint refuses."),
        empty_action=(_("Create traffic policy"), reverse("policies:create")),
        row_url=lambda policy: reverse("policies:detail", args=[policy.id]),
        actions=[
            (_("Edit"), reverse("policies:edit_chosen")),
            (_("Delete"), reverse("policies:delete_chosen")),
        ],
    )
    return render(request, "policies/list.html", {"listing": listing, "nav": NAV, "breadcrumbs": _crumbs()})


@page(Permission.WRITE)
@require_safe
def chosen(request: HttpRequest, target: str) -> HttpResponse:
    """From a button of the list to the page of the row that was chosen."""
    return go_to_selected(request, target, "policies:list")


# --- create, edit ---------------------------------------------------------------------------------


@page(Permission.WRITE)
def create(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@page(Permission.WRITE)
def edit(request: HttpRequest, policy_id: str) -> HttpResponse:
    return _edit(request, services.get(policy_id))


def _edit(request: HttpRequest, policy: TrafficPolicy | None) -> HttpResponse:
    """The page, as form or JSON; POST saves, or carries out a button of an editor and comes back."""
    draft = Draft(policy)
    if request.method != "POST":
        draft.open(request.GET.get("as", ""))
    elif not draft.read(request.POST) and (wishes := draft.wishes()):
        try:
            saved = _save(request, policy, wishes)
        except (Invalid, Conflict, QuotaExceeded) as error:
            draft.show_error(error)
        else:
            return redirect(way_back(request) or reverse("policies:detail", args=[saved.id]))
    context = {
        "draft": draft,
        "policy": policy,
        "cancel_url": way_back(request) or _page_of(policy),
        "nav": NAV,
        "breadcrumbs": _crumbs(policy, last=_("Edit") if policy else _("Create traffic policy")),
    }
    return render(request, "policies/edit.html", context)


def _save(request: HttpRequest, policy: TrafficPolicy | None, wishes: dict[str, Any]) -> TrafficPolicy:
    if policy is None:
        saved = services.create(actor_of(request), **wishes)
        messages.success(request, _("Traffic policy %(name)s was created.") % {"name": saved.name})
    else:
        saved = services.update(actor_of(request), policy.id, **wishes)
        messages.success(request, _("Traffic policy %(name)s was saved.") % {"name": saved.name})
    return saved


def _page_of(policy: TrafficPolicy | None) -> str:
    return reverse("policies:detail", args=[policy.id]) if policy else reverse("policies:list")


@page(Permission.WRITE)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What the JSON editor asks as one types."""
    return check_response(request, problems_in, field="document")


# --- summary --------------------------------------------------------------------------------------


@page()
@require_safe
def detail(request: HttpRequest, policy_id: str) -> HttpResponse:
    policy = services.get(policy_id)
    is_tried = "recipient" in request.GET
    tried = TriedForm(request.GET if is_tried else None)
    context = {
        "policy": policy,
        "statements": words.statements_in_words(policy),
        "default_look": words.VERDICT_LOOKS[policy.default_action],
        "size_limit": words.size_limit(policy),
        "tried": tried,
        "decision": _decision(policy, tried) if is_tried and tried.is_valid() else None,
        "document": words.api_representation(policy),
        "cli": words.cli_command(policy),
        "former_versions": former_versions(policy),
        "nav": NAV,
        "breadcrumbs": _crumbs(policy),
    }
    return render(request, "policies/detail.html", context)


def _decision(policy: TrafficPolicy, tried: TriedForm) -> words.ToldDecision:
    asked = tried.cleaned_data
    explanation = compile_policy(policy.document, StoredLists()).explain(
        asked["recipient"],
        ip_address(asked["peer"]),
        TlsVersion(asked["tls"]) if asked["tls"] else None,
        asked["size"] or 0,
    )
    return words.decision_in_words(policy, explanation)


@page(Permission.WRITE)
@require_POST
def restore(request: HttpRequest, policy_id: str) -> HttpResponse:
    number = request.POST.get("number", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFound(_("Choose a version to restore."))
    policy = services.restore_version(actor_of(request), policy_id, int(number))
    messages.success(request, _("Version %(number)s was restored.") % {"number": number})
    return redirect("policies:detail", policy.id)


@page(Permission.WRITE)
def delete(request: HttpRequest, policy_id: str) -> HttpResponse:
    policy = services.get(policy_id)
    return delete_view(
        request,
        name=policy.name,
        kind=_("traffic policy"),
        delete=lambda: services.delete(actor_of(request), policy.id),
        list_url=reverse("policies:list"),
        cancel_url=reverse("policies:detail", args=[policy.id]),
        consequences=[_("Its versions and tags go with it.")],
        users=users_of(policy.arn),
        breadcrumbs=[
            (_("Traffic policies"), reverse("policies:list")),
            (policy.name, reverse("policies:detail", args=[policy.id])),
        ],
        nav=NAV,
    )
