"""The pages of ingress endpoints."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from console.cells import code_cell, status_cell
from console.deletion import delete_view
from console.forms import ConsoleForm
from console.listing import Column, Listing, go_to_selected
from console.sealed import seal, unseal
from core.errors import Conflict, Invalid, NotFound
from endpoints import mx_check, services, trust_stores, trust_words, words
from endpoints.credentials import secret_findings
from endpoints.forms import (
    DomainForm,
    EditEndpointForm,
    NewEndpointForm,
    PolicyChoiceForm,
    RuleSetChoiceForm,
    TrustStoreForm,
)
from endpoints.logic import life
from endpoints.logic.life import Status, Verb
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from rulesets.models import RuleSet
from secrets_store.findings import shown
from secrets_store.forms.choice import is_refresh, shown_again
from secrets_store.services import readers

NAV = "endpoints"
_PASSWORD_PURPOSE = "endpoints.generated_password"  # noqa: S105 — what it is sealed for
_PASSWORD_SECONDS = 600  # from the making to the one page that shows it


def _links(endpoint: IngressEndpoint | None) -> list[tuple[str, str]]:
    """The way to a page. The ID stands for the endpoint, as in the service's console (SPEC §1, 13)."""
    links = [(_("Ingress endpoints"), reverse("endpoints:list"))]
    if endpoint:
        links.append((endpoint.id, reverse("endpoints:detail", args=[endpoint.id])))
    return links


def _crumbs(endpoint: IngressEndpoint | None = None, *, last: str = "") -> list[tuple[str, str]]:
    crumbs = _links(endpoint)
    if last:
        crumbs.append((last, ""))
    name, _url = crumbs[-1]
    return [*crumbs[:-1], (name, "")]


@page()
@require_safe
def endpoint_list(request: HttpRequest) -> HttpResponse:
    endpoints = IngressEndpoint.objects.select_related("traffic_policy", "rule_set").order_by("name")
    if request.GET.get("secret") == "unusable":  # as the dashboard links to them
        endpoints = endpoints.exclude(secret_flaws="")
    listing = Listing(
        request,
        endpoints,
        columns=[
            Column("name", _("Name"), lambda endpoint: endpoint.name, sort="name"),
            Column("id", _("ID"), lambda endpoint: code_cell(endpoint.id), sort="id"),
            Column("type", _("Type"), lambda endpoint: endpoint.get_type_display(), sort="type"),
            Column(
                "status",
                _("Status"),
                lambda endpoint: status_cell(words.LOOKS[endpoint.status]),
                sort="status",
            ),
            Column("record", _("ARecord"), lambda endpoint: endpoint.a_record, sort="record_label"),
            Column(
                "policy",
                _("Traffic policy"),
                lambda endpoint: endpoint.traffic_policy.name,
                sort="traffic_policy__name",
            ),
            Column("rule_set", _("Rule set"), lambda endpoint: endpoint.rule_set.name, sort="rule_set__name"),
        ],
        search=["name", "id", "record_label", "traffic_policy__name", "rule_set__name"],
        radio=True,
        empty_title=_("No ingress endpoints"),
        empty_text=_(
            "An ingress endpoint takes mail in: a traffic policy and a rule set joined to an address."
        ),
        empty_action=(_("Create ingress endpoint"), reverse("endpoints:create")),
        row_url=lambda endpoint: reverse("endpoints:detail", args=[endpoint.id]),
        actions=[(_("Delete"), reverse("endpoints:delete_chosen"))],
    )
    context = {
        "listing": listing,
        "is_moving": IngressEndpoint.objects.filter(status__in=life.MOVING).exists(),
        "nav": NAV,
        "breadcrumbs": _crumbs(),
    }
    return render(request, "endpoints/list.html", context)


@page(Permission.WRITE)
@require_safe
def delete_chosen(request: HttpRequest) -> HttpResponse:
    """From the list's button to the page of the row that was chosen."""
    return go_to_selected(request, "endpoints:delete", "endpoints:list")


# --- create ---------------------------------------------------------------------------------------


@page(Permission.WRITE)
def create(request: HttpRequest) -> HttpResponse:
    form = NewEndpointForm(request.POST or None)
    if is_refresh(request):
        shown_again(form)
    elif request.method == "POST" and form.is_valid():
        wishes = form.wishes()
        try:
            endpoint = services.create(actor_of(request), **wishes)
        except (Invalid, Conflict) as error:
            form.add_service_error(error, {"Tags": "tags"})
        else:
            if "password" in wishes and form.was_generated:
                _keep_to_show(request, endpoint, wishes["password"])
            messages.success(
                request, _("Ingress endpoint %(name)s is being created.") % {"name": endpoint.name}
            )
            return redirect("endpoints:detail", endpoint.id)
    context = {
        "form": form,
        "has_policy": TrafficPolicy.objects.exists(),
        "has_rule_set": RuleSet.objects.exists(),
        "nav": NAV,
        "breadcrumbs": _crumbs(last=_("Create new ingress endpoint")),
    }
    return render(request, "endpoints/create.html", context)


# --- summary --------------------------------------------------------------------------------------


@page()
@never_cache
@require_safe
def detail(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = services.get(endpoint_id)
    is_checked = "domain" in request.GET
    domain_form = DomainForm(request.GET if is_checked else None)
    context = {
        **_told(endpoint),
        "generated_password": _take_to_show(request, endpoint),
        "domain_form": domain_form,
        "mx": _mx(endpoint, domain_form) if is_checked and domain_form.is_valid() else None,
        "document": words.api_representation(endpoint),
        "cli": words.cli_command(endpoint),
        "nav": NAV,
        "breadcrumbs": _crumbs(endpoint),
    }
    return render(request, "endpoints/detail.html", context)


@page()
@never_cache
@require_safe
def status(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    """What the summary page asks for every two seconds until the status rests."""
    try:
        endpoint = services.get(endpoint_id)
    except NotFound:  # a deletion came to its end while somebody looked on
        messages.success(request, _("The ingress endpoint is gone."))
        return HttpResponseClientRedirect(reverse("endpoints:list"))
    return render(request, "endpoints/_status.html", _told(endpoint))


def _told(endpoint: IngressEndpoint) -> dict[str, Any]:
    expires_at = endpoint.previous_password_expires_at
    is_former_good = bool(expires_at and expires_at > timezone.now())
    return {
        "endpoint": endpoint,
        "look": words.LOOKS[endpoint.status],
        "is_moving": endpoint.status in life.MOVING,
        "may_change": life.may(Verb.UPDATE, Status(endpoint.status)) or endpoint.status == Status.FAILED,
        "may_retry": life.may(Verb.RETRY, Status(endpoint.status)),
        "reason": words.reason(endpoint),
        "is_clear_authentication": (
            endpoint.type == IngressEndpoint.Type.AUTH
            and endpoint.tls_policy == IngressEndpoint.TlsPolicy.OPTIONAL
        ),
        "former_password_expires_at": expires_at if is_former_good else None,
        "set_up": words.set_up(endpoint),
        "trust_store": _told_trust_store(endpoint),
        **_told_secret(endpoint),
    }


def _told_secret(endpoint: IngressEndpoint) -> dict[str, Any]:
    """The secret (None where it is gone) and what keeps the endpoint from it."""
    if not endpoint.secret_arn:
        return {"secret": None, "findings": []}
    secret = readers.find(endpoint.secret_arn)
    return {"secret": secret, "findings": shown(secret_findings([endpoint])[endpoint.id], secret)}


def _told_trust_store(endpoint: IngressEndpoint) -> trust_words.Told | None:
    if endpoint.type != IngressEndpoint.Type.MTLS:
        return None
    return trust_words.told(trust_stores.contents_of(endpoint), timezone.now())


def _mx(endpoint: IngressEndpoint, form: DomainForm) -> words.ToldMx:
    addresses = frozenset(endpoint.addresses.values_list("address", flat=True))
    checked = mx_check.check(form.cleaned_data["domain"], host_name=endpoint.a_record, addresses=addresses)
    return words.mx_in_words(checked)


def _keep_to_show(request: HttpRequest, endpoint: IngressEndpoint, password: str) -> None:
    """Until the next page; sealed, because sessions lie in the database."""
    request.session[f"password:{endpoint.id}"] = seal(password, _PASSWORD_PURPOSE)


def _take_to_show(request: HttpRequest, endpoint: IngressEndpoint) -> str:
    """A password that was just generated, once; "" for ever after."""
    token = request.session.pop(f"password:{endpoint.id}", "")
    return unseal(token, _PASSWORD_PURPOSE, max_age_seconds=_PASSWORD_SECONDS) or ""


# --- edit, retry, delete --------------------------------------------------------------------------


@page(Permission.WRITE)
def edit(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = services.get(endpoint_id)
    form = EditEndpointForm(endpoint, request.POST or None)
    if is_refresh(request):
        shown_again(form)
    elif request.method == "POST" and form.is_valid():
        wishes = form.wishes()
        if _saved(request, endpoint, form, wishes):
            if "password" in wishes and form.was_generated:
                _keep_to_show(request, endpoint, wishes["password"])
            return redirect("endpoints:detail", endpoint.id)
    return _edit_page(request, "endpoints/edit.html", endpoint, form, _("Edit general details"))


@page(Permission.WRITE)
def edit_policy(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    return _edit_choice(request, endpoint_id, PolicyChoiceForm, "traffic_policy_id", _("Edit traffic policy"))


@page(Permission.WRITE)
def edit_rule_set(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    return _edit_choice(request, endpoint_id, RuleSetChoiceForm, "rule_set_id", _("Edit rule set"))


@page(Permission.WRITE)
def edit_trust_store(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = services.get(endpoint_id)
    if endpoint.type != IngressEndpoint.Type.MTLS:
        raise NotFound(
            _("%(name)s has no trust store: it is not an mTLS endpoint.") % {"name": endpoint.name}
        )
    stored = trust_stores.of(endpoint)
    kept = {"ca_content": stored.ca_content, "crl_content": stored.crl_content}
    form = TrustStoreForm(request.POST or None, initial=kept)
    if request.method == "POST" and form.is_valid() and _saved(request, endpoint, form, form.trust()):
        return redirect("endpoints:detail", endpoint.id)
    return _edit_page(request, "endpoints/edit_trust_store.html", endpoint, form, _("Edit trust store"))


def _edit_choice(
    request: HttpRequest, endpoint_id: str, form_class: type[ConsoleForm], field: str, title: str
) -> HttpResponse:
    endpoint = services.get(endpoint_id)
    form = form_class(request.POST or None, initial={field: getattr(endpoint, field)})
    if is_refresh(request):
        shown_again(form)
    elif request.method == "POST" and form.is_valid() and _saved(request, endpoint, form, form.cleaned_data):
        return redirect("endpoints:detail", endpoint.id)
    return _edit_page(request, "endpoints/edit_choice.html", endpoint, form, title)


def _saved(
    request: HttpRequest, endpoint: IngressEndpoint, form: ConsoleForm, wishes: dict[str, Any]
) -> bool:
    try:
        saved = services.update(actor_of(request), endpoint.id, **wishes)
    except (Invalid, Conflict) as error:
        form.add_service_error(error)
        return False
    messages.success(request, _("Ingress endpoint %(name)s was saved.") % {"name": saved.name})
    return True


def _edit_page(
    request: HttpRequest, template: str, endpoint: IngressEndpoint, form: ConsoleForm, title: str
) -> HttpResponse:
    context = {
        "form": form,
        "endpoint": endpoint,
        "title": title,
        "nav": NAV,
        "breadcrumbs": _crumbs(endpoint, last=title),
    }
    return render(request, template, context)


@page(Permission.WRITE)
@require_POST
def retry(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = services.retry(actor_of(request), endpoint_id)
    messages.info(request, _("Ingress endpoint %(name)s is provisioned again.") % {"name": endpoint.name})
    return redirect("endpoints:detail", endpoint.id)


@page(Permission.WRITE)
def delete(request: HttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = services.get(endpoint_id)
    consequences = [_("It takes no more mail, at once.")]
    if endpoint.a_record:
        consequences.append(
            _("The name %(host)s is gone: MX records and clients that use it reach nobody.")
            % {"host": endpoint.a_record}
        )
    consequences.append(_("Its ID is not given again. Its traffic policy and rule set stay."))
    return delete_view(
        request,
        name=endpoint.name,
        kind=_("ingress endpoint"),
        delete=lambda: services.delete(actor_of(request), endpoint.id),
        list_url=reverse("endpoints:list"),
        cancel_url=reverse("endpoints:detail", args=[endpoint.id]),
        consequences=consequences,
        breadcrumbs=_links(endpoint),
        nav=NAV,
        success=_("Ingress endpoint %(name)s is being deleted.") % {"name": endpoint.name},
    )
