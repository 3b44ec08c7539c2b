"""Every change to traffic policies: console, API, admin and commands all call here."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from addresslists.reading import check_named
from core import service_model
from core.errors import Conflict, Invalid, NotFound, Problem, QuotaExceeded
from core.identifiers import resource_name
from core.unset import UNSET, Unset
from policies.logic.check import Limits, check_document
from policies.logic.references import lists_named_in
from policies.models import TrafficPolicy
from resources.services import (
    bump_configuration,
    delete_unused,
    save_version,
    set_references,
    set_tags,
)
from resources.versions import get_version, require_newest

Statements = Sequence[Mapping[str, Any]]

# Where problems of the document's head are shown: at the parameter that brought them.
_PARAMETERS = {"DefaultAction": "default_action", "MaxMessageSizeBytes": "max_message_size_bytes"}


def get(id_or_arn: str) -> TrafficPolicy:
    """NotFound where there is none."""
    policy = TrafficPolicy.objects.filter(pk=resource_name(id_or_arn)).first()
    if policy is None:
        raise NotFound(_("There is no traffic policy %(id)s.") % {"id": id_or_arn})
    return policy


def create(
    actor: Actor,
    *,
    name: str,
    default_action: str,
    statements: Statements = (),
    max_message_size_bytes: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> TrafficPolicy:
    """Paths of problems: name, default_action, max_message_size_bytes, PolicyStatements[…]…, Tags…"""
    require(actor, Permission.WRITE)
    policy = TrafficPolicy(
        name=name,
        default_action=default_action,
        statements=_as_list(statements),
        max_message_size_bytes=max_message_size_bytes,
    )
    with transaction.atomic():
        list_arns = _validate(policy)
        if TrafficPolicy.objects.count() >= settings.MAX_TRAFFIC_POLICIES:
            raise QuotaExceeded(
                _("There are %(limit)d traffic policies already (MAILMANAGER_MAX_TRAFFIC_POLICIES).")
                % {"limit": settings.MAX_TRAFFIC_POLICIES}
            )
        _save(policy, force_insert=True)
        save_version(actor, policy.arn, policy.document)
        set_references(policy.arn, policy.name, list_arns)
        set_tags(policy.arn, tags or {})
        audit(actor, "policies.create", policy.arn, name=name)
        bump_configuration()
    return policy


def update(
    actor: Actor,
    policy_id: str,
    *,
    name: str | Unset = UNSET,
    default_action: str | Unset = UNSET,
    statements: Statements | Unset = UNSET,
    max_message_size_bytes: int | Unset | None = UNSET,
    tags: Mapping[str, str] | Unset = UNSET,
    based_on: int | Unset = UNSET,
) -> TrafficPolicy:
    """Problems as with `create`. A new version is kept where the document is another than before.

    `based_on`: the version that the change was made from; Conflict where a newer one has been saved.
    """
    require(actor, Permission.WRITE)
    with transaction.atomic():
        policy = _locked(policy_id)
        if based_on is not UNSET:
            require_newest(policy, based_on)
        document = policy.document
        wishes = {
            "name": name,
            "default_action": default_action,
            "statements": UNSET if statements is UNSET else _as_list(statements),
            "max_message_size_bytes": max_message_size_bytes,
        }
        changed = [
            field for field, value in wishes.items() if value is not UNSET and value != getattr(policy, field)
        ]
        for field in changed:
            setattr(policy, field, wishes[field])
        list_arns = _validate(policy)
        if changed:
            _save(policy, update_fields=[*changed, "updated_at"])
            set_references(policy.arn, policy.name, list_arns)
            bump_configuration()
        if policy.document != document:
            save_version(actor, policy.arn, policy.document)
        if tags is not UNSET:
            set_tags(policy.arn, tags)
            changed.append("tags")
        if changed:
            audit(actor, "policies.update", policy.arn, name=policy.name, changed=changed)
    return policy


def restore_version(actor: Actor, policy_id: str, number: int) -> TrafficPolicy:
    """Make the kept version `number` the policy's document again, as a new version.
    Invalid where it names an address list that is gone."""
    require(actor, Permission.WRITE)
    policy = get(policy_id)
    version = get_version(policy, number)
    document = version.document
    with transaction.atomic():
        policy = update(
            actor,
            policy.id,
            default_action=document["DefaultAction"],
            statements=document["PolicyStatements"],
            max_message_size_bytes=document.get("MaxMessageSizeBytes"),
        )
        audit(actor, "policies.restore_version", policy.arn, name=policy.name, number=number)
    return policy


def delete(actor: Actor, policy_id: str) -> None:
    """Conflict while an endpoint uses it, naming the endpoints."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        policy = _locked(policy_id)
        arn = policy.arn
        delete_unused(policy)
        audit(actor, "policies.delete", arn, name=policy.name)
        bump_configuration()


def limits() -> Limits:
    return Limits(settings.MAX_POLICY_STATEMENTS, settings.MAX_STATEMENT_CONDITIONS)


def check(document: Any) -> list[Problem]:
    """All that saving would refuse the document for: `check_document`, and lists that aren't there."""
    problems = check_document(document, limits())
    return problems or check_named(lists_named_in(document.get("PolicyStatements") or ()))[0]


def _as_list(statements: Statements) -> Any:
    """As JSON has it. What is no sequence stays as it is: `check_document` says so."""
    return list(statements) if isinstance(statements, tuple) else statements


def _validate(policy: TrafficPolicy) -> set[str]:
    """Invalid, or the ARNs of the address lists that it asks; they can't go before this is saved."""
    problems = []
    if service_model.problems("TrafficPolicyName", policy.name):
        problems.append(Problem("name", _("A name has 3 to 63 characters of A-Z, a-z, 0-9, _ and -.")))
    for problem in check_document(policy.document, limits()):
        problems.append(Problem(_PARAMETERS.get(problem.path, problem.path), problem.message))
    list_arns: set[str] = set()
    if not problems:
        problems, list_arns = check_named(lists_named_in(policy.statements), lock=True)
    if problems:
        raise Invalid(problems)
    return list_arns


def _save(policy: TrafficPolicy, **options: Any) -> None:
    """Conflict where another policy has the name: the constraint decides, whoever was first."""
    try:
        with transaction.atomic():
            policy.save(**options)
    except IntegrityError as error:
        raise Conflict(
            _("There is a traffic policy named %(name)s already.") % {"name": policy.name}, path="name"
        ) from error


def _locked(policy_id: str) -> TrafficPolicy:
    policy = TrafficPolicy.objects.select_for_update().filter(pk=resource_name(policy_id)).first()
    if policy is None:
        raise NotFound(_("There is no traffic policy %(id)s.") % {"id": policy_id})
    return policy
