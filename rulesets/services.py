"""Every change to rule sets: console, API, admin and commands all call here."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from addresslists.reading import check_named
from core import service_model
from core.errors import Conflict, Invalid, NotFound, Problem, QuotaExceeded
from core.identifiers import resource_name
from core.unset import UNSET, Unset
from destinations.services import find_bucket, find_mailbox, find_role
from relays.models import Relay
from resources.services import (
    bump_configuration,
    delete_unused,
    save_version,
    set_references,
    set_tags,
)
from resources.versions import get_version, require_newest
from rulesets.logic.check import Limits, check_document
from rulesets.logic.references import Target, named_in
from rulesets.logic.warnings import Warning, warnings_in
from rulesets.models import RuleSet

Rules = Sequence[Mapping[str, Any]]


def get(id_or_arn: str) -> RuleSet:
    """NotFound where there is none."""
    rule_set = RuleSet.objects.filter(pk=resource_name(id_or_arn)).first()
    if rule_set is None:
        raise _unknown(id_or_arn)
    return rule_set


def create(actor: Actor, *, name: str, rules: Rules = (), tags: Mapping[str, str] | None = None) -> RuleSet:
    """Paths of problems: name, Rules[…]…, Tags…"""
    require(actor, Permission.WRITE)
    rule_set = RuleSet(name=name, rules=_as_list(rules))
    with transaction.atomic():
        named_arns = _validate(rule_set)
        if RuleSet.objects.count() >= settings.MAX_RULE_SETS:
            raise QuotaExceeded(
                _("There are %(limit)d rule sets already (MAILMANAGER_MAX_RULE_SETS).")
                % {"limit": settings.MAX_RULE_SETS}
            )
        _save(rule_set, force_insert=True)
        save_version(actor, rule_set.arn, rule_set.document)
        set_references(rule_set.arn, rule_set.name, named_arns)
        set_tags(rule_set.arn, tags or {})
        audit(actor, "rulesets.create", rule_set.arn, name=name)
        bump_configuration()
    return rule_set


def update(
    actor: Actor,
    rule_set_id: str,
    *,
    name: str | Unset = UNSET,
    rules: Rules | Unset = UNSET,
    tags: Mapping[str, str] | Unset = UNSET,
    based_on: int | Unset = UNSET,
) -> RuleSet:
    """Problems as with `create`. A new version is kept where the rules are others than before.

    `based_on`: the version that the change was made from; Conflict where a newer one has been saved.
    """
    require(actor, Permission.WRITE)
    with transaction.atomic():
        rule_set = _locked(rule_set_id)
        if based_on is not UNSET:
            require_newest(rule_set, based_on)
        wishes = {"name": name, "rules": UNSET if rules is UNSET else _as_list(rules)}
        changed = [
            field
            for field, value in wishes.items()
            if value is not UNSET and value != getattr(rule_set, field)
        ]
        for field in changed:
            setattr(rule_set, field, wishes[field])
        named_arns = _validate(rule_set)
        if changed:
            _save(rule_set, update_fields=[*changed, "updated_at"])
            set_references(rule_set.arn, rule_set.name, named_arns)
            bump_configuration()
        if "rules" in changed:
            save_version(actor, rule_set.arn, rule_set.document)
        if tags is not UNSET:
            set_tags(rule_set.arn, tags)
            changed.append("tags")
        if changed:
            audit(actor, "rulesets.update", rule_set.arn, name=rule_set.name, changed=changed)
    return rule_set


def restore_version(actor: Actor, rule_set_id: str, number: int) -> RuleSet:
    """Make the kept version `number` the rule set's rules again, as a new version.
    Invalid where it names a relay or an address list that is gone."""
    require(actor, Permission.WRITE)
    rule_set = get(rule_set_id)
    version = get_version(rule_set, number)
    with transaction.atomic():
        rule_set = update(actor, rule_set.id, rules=version.document["Rules"])
        audit(actor, "rulesets.restore_version", rule_set.arn, name=rule_set.name, number=number)
    return rule_set


def delete(actor: Actor, rule_set_id: str) -> None:
    """Conflict while an endpoint uses it, naming the endpoints."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        rule_set = _locked(rule_set_id)
        arn = rule_set.arn
        delete_unused(rule_set)
        audit(actor, "rulesets.delete", arn, name=rule_set.name)
        bump_configuration()


def check(rules: Any) -> list[Problem]:
    """All that saving would refuse the rules for: `check_document`, and what they name and isn't there."""
    problems = check_document(rules, Limits(settings.MAX_RULES))
    return problems or _check_names(rules)[0]


def doubts_of(rules: Rules) -> list[Warning]:
    """What is allowed and most likely not meant, looked up in what there is now; [] for rules that are
    wrong, of which `check` tells."""
    return [] if check_document(rules) else warnings_in(rules, is_known)


def is_known(target: Target, name: str) -> bool:
    find = {Target.MAILBOX: find_mailbox, Target.BUCKET: find_bucket, Target.ROLE: find_role}[target]
    try:
        find(name)
    except NotFound:
        return False
    return True


def _as_list(rules: Rules) -> Any:
    """As JSON has it. What is no sequence stays as it is: `check_document` says so."""
    return list(rules) if isinstance(rules, tuple) else rules


def _validate(rule_set: RuleSet) -> set[str]:
    """Invalid, or the ARNs of relays and lists that the rules name; they can't go before this is saved."""
    problems = []
    if service_model.problems("RuleSetName", rule_set.name):
        problems.append(Problem("name", _("A name has 1 to 100 characters of A-Z, a-z, 0-9, _, . and -.")))
    problems += check_document(rule_set.rules, Limits(settings.MAX_RULES))
    named_arns: set[str] = set()
    if not problems:
        problems, named_arns = _check_names(rule_set.rules, lock=True)
    if problems:
        raise Invalid(problems)
    return named_arns


def _check_names(rules: Rules, *, lock: bool = False) -> tuple[list[Problem], set[str]]:
    """Relays and address lists that are named and not there, in document order of each kind; ARNs of
    those that are."""
    relays = Relay.objects.select_for_update() if lock else Relay.objects.all()
    relay_problems, relay_arns = _check_relays(rules, relays)
    lists = [(named.path, named.name) for named in named_in(rules) if named.target is Target.ADDRESS_LIST]
    list_problems, list_arns = check_named(lists, lock=lock)
    return relay_problems + list_problems, relay_arns | list_arns


def _check_relays(rules: Rules, relays: QuerySet[Relay]) -> tuple[list[Problem], set[str]]:
    """Relays that are named and not there; ARNs of those that are. One query."""
    named = [named for named in named_in(rules) if named.target is Target.RELAY]
    found = relays.in_bulk({resource_name(relay.name) for relay in named})
    problems, arns = [], set()
    for mention in named:
        relay = found.get(resource_name(mention.name))
        if relay is None or mention.name not in (relay.id, relay.arn):
            problems.append(Problem(mention.path, _("There is no SMTP relay %(id)s.") % {"id": mention.name}))
        else:
            arns.add(relay.arn)
    return problems, arns


def _save(rule_set: RuleSet, **options: Any) -> None:
    """Conflict where another rule set has the name: the constraint decides, whoever was first."""
    try:
        with transaction.atomic():
            rule_set.save(**options)
    except IntegrityError as error:
        raise Conflict(
            _("There is a rule set named %(name)s already.") % {"name": rule_set.name}, path="name"
        ) from error


def _locked(rule_set_id: str) -> RuleSet:
    rule_set = RuleSet.objects.select_for_update().filter(pk=resource_name(rule_set_id)).first()
    if rule_set is None:
        raise _unknown(rule_set_id)
    return rule_set


def _unknown(id_or_arn: str) -> NotFound:
    return NotFound(_("There is no rule set %(id)s.") % {"id": id_or_arn})
