"""Every change to SMTP relays: console, API, admin and commands all call here."""

import json
from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from core import service_model
from core.errors import Conflict, Invalid, NotFound, Problem, QuotaExceeded
from core.host import parse_host
from core.identifiers import new_id, resource_name
from core.unset import UNSET, Unset
from relays.conversation import Login, Target, TlsUse
from relays.models import Relay
from relays.probe import Probe, probe
from resources.services import bump_configuration, delete_unused, set_references, set_tags
from secrets_store.findings import sentence
from secrets_store.logic.readiness import Finding
from secrets_store.logic.uses import Use
from secrets_store.services import readers

MAX_SERVER_NAME_CHARACTERS = 100  # RelayServerName of the service model
MAX_PORT = 65535


def get(id_or_arn: str) -> Relay:
    """NotFound where there is none; an ARN has to be the relay's own in every part."""
    relay = Relay.objects.filter(pk=resource_name(id_or_arn)).first()
    if relay is None or id_or_arn not in (relay.id, relay.arn):
        raise _unknown(id_or_arn)
    return relay


def create(
    actor: Actor,
    *,
    name: str,
    server_name: str,
    server_port: int,
    tls: str | None = None,
    secret_arn: str = "",
    tags: Mapping[str, str] | None = None,
) -> Relay:
    """Paths of problems: the parameters. `server_name` is a host name or an IP address.

    `secret_arn`: what the relay logs in with, "" for no authentication. `tls` None: OPTIONAL without
    a secret, REQUIRED with one.
    """
    require(actor, Permission.WRITE)
    relay = Relay(
        id=new_id(Relay.PREFIX),
        name=name,
        server_name=server_name,
        server_port=server_port,
        tls=tls or (Relay.Tls.REQUIRED if secret_arn else Relay.Tls.OPTIONAL),
        secret_arn=secret_arn,
    )
    _validate(relay)
    with transaction.atomic():
        if Relay.objects.count() >= settings.MAX_SMTP_RELAYS:
            raise QuotaExceeded(
                _("There are %(limit)d SMTP relays already (MAILMANAGER_MAX_SMTP_RELAYS).")
                % {"limit": settings.MAX_SMTP_RELAYS}
            )
        _save(relay, force_insert=True)
        _set_references(relay)
        set_tags(relay.arn, tags or {})
        audit(actor, "relays.create", relay.arn, name=name, server=f"{relay.server_name}:{server_port}")
        bump_configuration()
    return relay


def update(
    actor: Actor,
    relay_id: str,
    *,
    name: str | Unset = UNSET,
    server_name: str | Unset = UNSET,
    server_port: int | Unset = UNSET,
    tls: str | Unset = UNSET,
    secret_arn: str | Unset = UNSET,
    tags: Mapping[str, str] | Unset = UNSET,
) -> Relay:
    """Problems as with `create`. Mail that is waiting for the relay takes the new settings too."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        relay = _locked(relay_id)
        wishes = {
            "name": name,
            "server_name": server_name,
            "server_port": server_port,
            "tls": tls,
            "secret_arn": secret_arn,
        }
        changed = [
            field for field, value in wishes.items() if value is not UNSET and value != getattr(relay, field)
        ]
        for field in changed:
            setattr(relay, field, wishes[field])
        _validate(relay)
        if changed:
            _save(relay, update_fields=[*changed, "updated_at"])
            _set_references(relay)
            bump_configuration()
        if tags is not UNSET:
            set_tags(relay.arn, tags)
            changed.append("tags")
        if changed:
            audit(actor, "relays.update", relay.arn, name=relay.name, changed=changed)
    return relay


def delete(actor: Actor, relay_id: str) -> None:
    """Conflict while rule sets name it, naming them."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        relay = _locked(relay_id)
        arn = relay.arn
        delete_unused(relay)
        audit(actor, "relays.delete", arn, name=relay.name)
        bump_configuration()


def test_connection(actor: Actor, relay_id: str) -> Probe:
    """Talk to the relay without sending mail; its faults are told, not raised. PROBE_SECONDS at most."""
    require(actor, Permission.WRITE)
    relay = get(relay_id)
    try:
        told = async_to_sync(probe)(target_of(relay))
    except Conflict as error:
        told = Probe(fault=str(error))
    audit(actor, "relays.test_connection", relay.arn, name=relay.name, fault=told.fault)
    return told


def target(id_or_arn: str) -> Target:
    """Whom to talk to when mail is handed on to the relay. NotFound without one, Conflict where its
    secret can't be read now."""
    return target_of(get(id_or_arn))


def target_of(relay: Relay) -> Target:
    login = _login(relay) if relay.secret_arn else None
    return Target(relay.server_name, relay.server_port, TlsUse(relay.tls), login=login)


def secret_findings(relay: Relay) -> tuple[Finding, ...]:
    """What keeps the relay from its secret; () where nothing does, or where it has none."""
    return readers.findings_for(Use.RELAY, relay.arn, relay.secret_arn) if relay.secret_arn else ()


def _login(relay: Relay) -> Login:
    members = json.loads(readers.read_as_service(Use.RELAY, relay.arn, relay.secret_arn))
    return Login(str(members["username"]), str(members["password"]))


def _set_references(relay: Relay) -> None:
    """What the relay uses can't be deleted meanwhile."""
    set_references(relay.arn, relay.name, [relay.secret_arn] if relay.secret_arn else [])


def _validate(relay: Relay) -> None:
    """Invalid, or the server's name in the form that is kept."""
    problems = []
    if service_model.problems("RelayName", relay.name):
        problems.append(Problem("name", _("A name has 1 to 100 characters of A-Z, a-z, 0-9, _ and -.")))
    try:
        relay.server_name = parse_host(relay.server_name)
    except ValueError:
        problems.append(
            Problem("server_name", _("Write a host name like mail.example.com, or an IP address."))
        )
    if len(relay.server_name) > MAX_SERVER_NAME_CHARACTERS:
        problems.append(Problem("server_name", _("A server name has at most 100 characters.")))
    if not 1 <= relay.server_port <= MAX_PORT:
        problems.append(Problem("server_port", _("A port is a number from 1 to 65535.")))
    if relay.tls not in Relay.Tls.values:
        problems.append(Problem("tls", _("TLS is OPTIONAL or REQUIRED.")))
    elif relay.secret_arn and relay.tls != Relay.Tls.REQUIRED:
        problems.append(Problem("tls", _("A password is sent only where TLS is required.")))
    problems += [Problem("secret_arn", sentence(finding)) for finding in secret_findings(relay)]
    if problems:
        raise Invalid(problems)


def _save(relay: Relay, **options: Any) -> None:
    """Conflict where another relay has the name: the constraint decides, whoever was first."""
    try:
        with transaction.atomic():
            relay.save(**options)
    except IntegrityError as error:
        raise Conflict(
            _("There is an SMTP relay named %(name)s already.") % {"name": relay.name}, path="name"
        ) from error


def _locked(relay_id: str) -> Relay:
    relay = Relay.objects.select_for_update().filter(pk=resource_name(relay_id)).first()
    if relay is None:
        raise _unknown(relay_id)
    return relay


def _unknown(relay_id: str) -> NotFound:
    return NotFound(_("There is no SMTP relay %(id)s.") % {"id": relay_id})
