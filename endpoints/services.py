"""Every change to ingress endpoints: console, API, admin and commands all call here.

A verb moves the row by a claim (endpoints/logic/life.py says which) and leaves the rest to a task; if
the task can't be sent, the sweep finds the row.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from celery import Task
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from access.actor import Actor, Permission
from access.services import audit, require
from core.errors import Conflict, Invalid, NotFound, Problem
from core.identifiers import new_id, resource_name
from core.unset import UNSET, Unset
from endpoints import complaints, tasks, trust_stores
from endpoints.logic import life
from endpoints.logic.life import Status, Verb
from endpoints.models import IngressEndpoint
from endpoints.passwords import is_allowed
from policies.models import TrafficPolicy
from resources.models import Resource
from resources.services import bump_configuration, set_references, set_tags
from rulesets.models import RuleSet
from secrets_store.password_hashes import hash_password

log = structlog.get_logger()

FORMER_PASSWORD_LIFETIME = timedelta(days=14)  # SPEC §6

Type = IngressEndpoint.Type
TlsPolicy = IngressEndpoint.TlsPolicy

# SPEC §3
DEFAULT_TLS_POLICY = {
    Type.OPEN: TlsPolicy.OPTIONAL,
    Type.AUTH: TlsPolicy.REQUIRED,
    Type.MTLS: TlsPolicy.REQUIRED,
}

R = TypeVar("R", bound=Resource)


def get(id_or_arn: str) -> IngressEndpoint:
    """With policy and rule set. NotFound where there is none."""
    endpoint = (
        IngressEndpoint.objects.select_related("traffic_policy", "rule_set")
        .filter(pk=resource_name(id_or_arn))
        .first()
    )
    if endpoint is None or id_or_arn not in (endpoint.id, endpoint.arn):
        raise _unknown(id_or_arn)
    return endpoint


def create(
    actor: Actor,
    *,
    name: str,
    type: str,
    traffic_policy_id: str,
    rule_set_id: str,
    tls_policy: str | None = None,
    password: str | None = None,
    secret_arn: str | None = None,
    ca_content: str | None = None,
    crl_content: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> IngressEndpoint:
    """`tls_policy` None: what the type starts with. An AUTH endpoint, and no other, has a `password`
    or a secret that it may read; an MTLS endpoint, and no other, a trust store: CAs, and their CRLs.

    Paths of problems: the parameters' names, Tags….
    """
    require(actor, Permission.WRITE)
    problems = [
        *complaints.name(name),
        *complaints.choice("type", type, Type.values),
        *complaints.tls_policy(type, tls_policy, [None, *TlsPolicy.values]),
        *complaints.credential(type, password, secret_arn),
        *trust_stores.problems(type, ca_content, crl_content, is_new=True),
    ]
    if type == Type.AUTH and password is None and secret_arn is None:
        problems.append(
            Problem("password", _("An Authenticated endpoint needs an SMTP password or a secret."))
        )
    password_hash = hash_password(password) if password is not None and not problems else ""
    with transaction.atomic():
        policy = _find(TrafficPolicy, "traffic_policy_id", traffic_policy_id, problems)
        rule_set = _find(RuleSet, "rule_set_id", rule_set_id, problems)
        endpoint_id = new_id(IngressEndpoint.PREFIX)
        if secret_arn is not None and not problems:
            problems += complaints.secret(endpoint_id, secret_arn)
        if problems or policy is None or rule_set is None:
            raise Invalid(problems)
        endpoint = IngressEndpoint(
            id=endpoint_id,
            name=name,
            type=type,
            tls_policy=tls_policy or DEFAULT_TLS_POLICY[Type(type)],
            status=life.target(Verb.CREATE).value,
            wished_status=Status.PROVISIONING.value,
            traffic_policy=policy,
            rule_set=rule_set,
            secret_arn=secret_arn or "",
            password_hash=password_hash,
            password_version=1 if password_hash else 0,
        )
        try:
            with transaction.atomic():
                endpoint.save(force_insert=True)
        except IntegrityError as error:
            raise _name_taken(name) from error
        if type == Type.MTLS:
            trust_stores.save(endpoint, ca_content or "", crl_content or "")
        _set_references(endpoint)
        set_tags(endpoint.arn, tags or {})
        audit(actor, "endpoints.create", endpoint.arn, name=name, type=type)
        bump_configuration()
        _enqueue_on_commit(tasks.provision, endpoint.id)
    return endpoint


def update(
    actor: Actor,
    endpoint_id: str,
    *,
    name: str | Unset = UNSET,
    traffic_policy_id: str | Unset = UNSET,
    rule_set_id: str | Unset = UNSET,
    tls_policy: str | Unset = UNSET,
    status: str | Unset = UNSET,
    password: str | Unset = UNSET,
    secret_arn: str | Unset = UNSET,
    ca_content: str | Unset = UNSET,
    crl_content: str | Unset = UNSET,
    tags: Mapping[str, str] | Unset = UNSET,
) -> IngressEndpoint:
    """Changes what is given; the endpoint is UPDATING until the ingress shows it.

    `status`: ACTIVE or CLOSED. After a new password the former one is good for another 14 days. A
    secret takes the place of a password, and the other way round. `crl_content` "": without CRLs.
    Conflict while the endpoint is on its way in or out. One that FAILED takes changes and stays FAILED.
    """
    require(actor, Permission.WRITE)
    new_hash = hash_password(password) if password is not UNSET and is_allowed(password) else ""
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        problems: list[Problem] = []
        wishes: dict[str, Any] = {"name": name, "tls_policy": tls_policy, "wished_status": status}
        if traffic_policy_id is not UNSET:
            wishes["traffic_policy"] = _find(TrafficPolicy, "traffic_policy_id", traffic_policy_id, problems)
        if rule_set_id is not UNSET:
            wishes["rule_set"] = _find(RuleSet, "rule_set_id", rule_set_id, problems)
        changes = {
            field: value
            for field, value in wishes.items()
            if value is not UNSET and value != getattr(endpoint, field)
        }
        if "name" in changes:
            problems += complaints.name(changes["name"])
        if "tls_policy" in changes:
            problems += complaints.tls_policy(endpoint.type, changes["tls_policy"], TlsPolicy.values)
        if "wished_status" in changes:
            problems += complaints.choice("status", status, [wish.value for wish in life.WISHES])
        problems += complaints.credential(
            endpoint.type,
            None if password is UNSET else password,
            None if secret_arn is UNSET else secret_arn,
        )
        if secret_arn is not UNSET and not problems:
            problems += complaints.secret(endpoint.id, secret_arn)
        trust = trust_stores.wished(endpoint, ca_content, crl_content)
        problems += trust_stores.problems(endpoint.type, *trust)
        if problems:
            raise Invalid(problems)
        changed = sorted("status" if field == "wished_status" else field for field in changes)
        changed += _take_credential(changes, endpoint, new_hash, secret_arn)
        is_new_trust = trust != (None, None) and trust_stores.save(endpoint, *trust)
        if is_new_trust:
            changed.append("trust_store")
        if changes or is_new_trust:
            _change(endpoint, changes)
        if tags is not UNSET:
            set_tags(endpoint.arn, tags)
            changed.append("tags")
        endpoint = get(endpoint.id)
        if changed:
            _set_references(endpoint)
            audit(actor, "endpoints.update", endpoint.arn, name=endpoint.name, changed=changed)
    return endpoint


def delete(actor: Actor, endpoint_id: str) -> None:
    """On its way out: no mail from now on; row, name and address go when the ingress has let go."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        _claim(endpoint, Verb.DELETE)
        audit(actor, "endpoints.delete", endpoint.arn, name=endpoint.name)
        bump_configuration()
        _enqueue_on_commit(tasks.deprovision, endpoint.id)


def retry(actor: Actor, endpoint_id: str) -> IngressEndpoint:
    """Provision again what FAILED. Conflict in every other state."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        _claim(endpoint, Verb.RETRY, wished_status=Status.PROVISIONING.value)
        audit(actor, "endpoints.retry", endpoint.arn, name=endpoint.name)
        bump_configuration()
        _enqueue_on_commit(tasks.provision, endpoint.id)
    return get(endpoint.id)


def _take_credential(
    changes: dict[str, Any], endpoint: IngressEndpoint, new_hash: str, secret_arn: str | Unset
) -> list[str]:
    """Puts a new credential into `changes`, and says which it is."""
    if new_hash:
        changes |= {
            "password_hash": new_hash,
            "password_version": F("password_version") + 1,
            "previous_password_hash": F("password_hash"),
            "previous_password_expires_at": timezone.now() + FORMER_PASSWORD_LIFETIME,
            "secret_arn": "",
            "secret_flaws": "",
        }
        return ["password"]
    if secret_arn is not UNSET and secret_arn != endpoint.secret_arn:
        changes |= {
            "secret_arn": secret_arn,
            "secret_flaws": "",  # it was looked at a moment ago
            "password_hash": "",
            "previous_password_hash": "",
            "previous_password_expires_at": None,
        }
        return ["secret_arn"]
    return []


# --- moves ----------------------------------------------------------------------------------------


def _change(endpoint: IngressEndpoint, changes: dict[str, Any]) -> None:
    """Write the changes and let them spread. What FAILED has nothing that spreads: it waits for a retry."""
    try:
        with transaction.atomic():
            if endpoint.status == Status.FAILED and "wished_status" not in changes:
                IngressEndpoint.objects.filter(pk=endpoint.pk, status=Status.FAILED).update(
                    updated_at=timezone.now(), **changes
                )
            else:
                _claim(endpoint, Verb.UPDATE, **changes)
                _enqueue_on_commit(tasks.settle, endpoint.id)
    except IntegrityError as error:
        raise _name_taken(changes.get("name", endpoint.name)) from error
    bump_configuration()


def _claim(endpoint: IngressEndpoint, verb: Verb, **changes: Any) -> None:
    """Move the row if it still stands where `verb` starts; Conflict if not."""
    claimed = IngressEndpoint.objects.filter(pk=endpoint.pk, status__in=life.sources(verb)).update(
        status=life.target(verb).value, status_reason="", updated_at=timezone.now(), **changes
    )
    if not claimed:
        raise Conflict(
            _("%(name)s is in the state “%(status)s”, which does not allow that now.")
            % {"name": endpoint.name, "status": endpoint.get_status_display()}
        )


def _locked(endpoint_id: str) -> IngressEndpoint:
    """The row for this transaction alone (SQLite: every transaction is alone)."""
    endpoint = (
        IngressEndpoint.objects.select_for_update(of=("self",))
        .select_related("traffic_policy", "rule_set")
        .filter(pk=resource_name(endpoint_id))
        .first()
    )
    if endpoint is None or endpoint_id not in (endpoint.id, endpoint.arn):
        raise _unknown(endpoint_id)
    return endpoint


def _enqueue_on_commit(task: Task, endpoint_id: str) -> None:
    transaction.on_commit(partial(_enqueue, task, endpoint_id))


def _enqueue(task: Task, endpoint_id: str) -> None:
    try:
        task.apply_async((endpoint_id,), retry=False)
    except OperationalError as error:  # the broker is away; the change stands, the sweep goes on with it
        log.warning("task_not_sent", task=task.name, endpoint=endpoint_id, error=str(error))


def _set_references(endpoint: IngressEndpoint) -> None:
    """What the endpoint uses can't be deleted meanwhile."""
    used = [endpoint.traffic_policy.arn, endpoint.rule_set.arn]
    if endpoint.secret_arn:
        used.append(endpoint.secret_arn)
    set_references(endpoint.arn, endpoint.name, used)


# --- what is wrong --------------------------------------------------------------------------------


def _find(model: type[R], path: str, resource_id: str, problems: list[Problem]) -> R | None:
    """The policy or rule set, kept from being deleted until we commit; a problem where there is none."""
    found = model._default_manager.select_for_update().filter(pk=resource_name(resource_id)).first()
    if found is None:
        problems.append(
            Problem(
                path,
                _("There is no %(kind)s %(id)s.") % {"kind": model._meta.verbose_name, "id": resource_id}
                if resource_id
                else _("Choose a %(kind)s.") % {"kind": model._meta.verbose_name},
            )
        )
    return found


def _name_taken(name: str) -> Conflict:
    return Conflict(_("There is an ingress endpoint named %(name)s already.") % {"name": name}, path="name")


def _unknown(endpoint_id: str) -> NotFound:
    return NotFound(_("There is no ingress endpoint %(id)s.") % {"id": endpoint_id})
