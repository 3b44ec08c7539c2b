"""The verbs of secrets."""

import re
import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.logic.policy_document import PolicyKind, parse
from access.services import audit, require
from core.errors import Conflict, Invalid, NotFound
from core.identifiers import parse_arn, random_text
from resources.services import bump_configuration, forget, set_tags, users_of
from secrets_store.models import EncryptionKey, Secret, SecretVersion, VersionStage
from secrets_store.services import key_material, keys, values

MIN_RECOVERY_DAYS, MAX_RECOVERY_DAYS, DEFAULT_RECOVERY_DAYS = 7, 30, 30
MAX_DESCRIPTION_LENGTH = 2048
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")  # CreateSecret of the service
_LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def create(
    actor: Actor,
    *,
    name: str,
    value: str | bytes | None = None,
    key_id: str = "",
    description: str = "",
    policy: Any = None,
    tags: Mapping[str, str] | None = None,
    version_id: str = "",
) -> Secret:
    """`key_id`: ID, ARN or alias, "" for the default key. `value` None: no version yet."""
    require(actor, Permission.WRITE)
    _check_name(name)
    _check_description(description)
    if policy is not None:
        parse(policy, PolicyKind.RESOURCE)
    with transaction.atomic():
        secret = Secret.objects.create(
            name=name,
            arn_suffix=random_text(6, _LETTERS_AND_DIGITS),
            description=description,
            key=_usable_key(actor, key_id),
            policy=policy,
        )
        if value is not None:
            values.add_version(secret, value, stages=(VersionStage.CURRENT,), version_id=version_id)
        set_tags(secret.arn, tags or {})
        audit(actor, "secrets.create", secret.arn, key=secret.key.arn)
        bump_configuration()
    return secret


def get(name_or_arn: str) -> Secret:
    """By name or ARN (whole, or without its six last letters), one that waits for deletion too."""
    secrets = Secret.objects.select_related("key")
    arn = parse_arn(name_or_arn)
    if arn is None:
        secret = secrets.filter(name=name_or_arn).first()
    else:
        named = arn.resource.removeprefix("secret:")
        by_whole_arn = secrets.filter(name=named[:-7], arn_suffix=named[-6:]).first()
        secret = by_whole_arn or secrets.filter(name=named).first()
        if (arn.service, arn.region, arn.account) != (
            "secretsmanager",
            settings.REGION,
            settings.ACCOUNT_ID,
        ):
            secret = None
    if secret is None:
        raise NotFound(_("There is no secret %(name)s.") % {"name": name_or_arn})
    return secret


# --- values ---------------------------------------------------------------------------------------


def put_value(
    actor: Actor,
    name_or_arn: str,
    value: str | bytes,
    *,
    stages: tuple[str, ...] = (VersionStage.CURRENT,),
    version_id: str = "",
) -> SecretVersion:
    """A new version. The one that was current becomes AWSPREVIOUS and stays good for AUTH."""
    require(actor, Permission.WRITE)
    secret = _kept(name_or_arn)
    _authorize(actor, secret.key, "kms:GenerateDataKey")
    with transaction.atomic():
        version = values.add_version(secret, value, stages=stages, version_id=version_id)
        secret.save(update_fields=["updated_at"])
        audit(actor, "secrets.put_value", secret.arn, version=version.version_id, stages=list(stages))
    return version


def retrieve_value(
    actor: Actor, name_or_arn: str, *, stage: str = "", version_id: str = ""
) -> tuple[SecretVersion, bytes]:
    """The version and its value, in the clear; the audit log keeps that it was read, and by whom."""
    require(actor, Permission.ADMINISTER)
    secret = _kept(name_or_arn)
    _authorize(actor, secret.key, "kms:Decrypt")
    version = values.find_version(secret, stage=stage, version_id=version_id)
    content = values.open_version(version)
    with transaction.atomic():
        Secret.objects.filter(pk=secret.pk).update(last_accessed_at=timezone.now())
        audit(actor, "secrets.retrieve_value", secret.arn, version=version.version_id)
    return version, content


def move_stage(
    actor: Actor, name_or_arn: str, stage: str, *, to_version_id: str = "", from_version_id: str = ""
) -> None:
    """UpdateSecretVersionStage: put the stage on a version, or take it from one."""
    require(actor, Permission.WRITE)
    secret = _kept(name_or_arn)
    with transaction.atomic():
        holder = secret.stages.filter(name=stage).select_related("version").first()
        held_by = holder.version.version_id if holder else ""
        if held_by and held_by not in (from_version_id, to_version_id):
            raise Invalid.at("from_version_id", _("must name the version that has the stage now"))
        if stage == VersionStage.CURRENT and not to_version_id:
            raise Invalid.at("to_version_id", _("AWSCURRENT must stay on some version"))
        to_version = values.find_version(secret, version_id=to_version_id) if to_version_id else None
        values.move_stage(secret, stage, to_version)
        audit(actor, "secrets.move_stage", secret.arn, stage=stage, version=to_version_id)
        bump_configuration()


# --- what surrounds the value ---------------------------------------------------------------------


def update(
    actor: Actor, name_or_arn: str, *, description: str | None = None, key_id: str | None = None
) -> Secret:
    """None leaves a field as it is. Another key seals the current value again, as a new version."""
    require(actor, Permission.WRITE)
    secret = _kept(name_or_arn)
    with transaction.atomic():
        if description is not None:
            _check_description(description)
            secret.description = description
        if key_id is not None:
            former = secret.key
            secret.key = _usable_key(actor, key_id)
            if secret.key != former and secret.versions.exists():
                values.reseal_current(secret)
        secret.save(update_fields=["description", "key", "updated_at"])
        audit(actor, "secrets.update", secret.arn, key=secret.key.arn)
        bump_configuration()
    return secret


def set_policy(actor: Actor, name_or_arn: str, policy: Any | None) -> None:
    """Replace the resource permissions; None removes them."""
    require(actor, Permission.WRITE)
    secret = _kept(name_or_arn)
    if policy is not None:
        parse(policy, PolicyKind.RESOURCE)
    with transaction.atomic():
        Secret.objects.filter(pk=secret.pk).update(policy=policy, updated_at=timezone.now())
        audit(actor, "secrets.set_policy" if policy is not None else "secrets.delete_policy", secret.arn)
        bump_configuration()


# --- deletion -------------------------------------------------------------------------------------


def schedule_deletion(
    actor: Actor, name_or_arn: str, *, days: int = DEFAULT_RECOVERY_DAYS, at_once: bool = False
) -> datetime:
    """Can't be read from now on, can be restored for `days`. In use: Conflict that names the users."""
    require(actor, Permission.WRITE)
    secret = get(name_or_arn)
    if not at_once and not MIN_RECOVERY_DAYS <= days <= MAX_RECOVERY_DAYS:
        raise Invalid.at(
            "days",
            _("must be %(least)s to %(most)s") % {"least": MIN_RECOVERY_DAYS, "most": MAX_RECOVERY_DAYS},
        )
    users = users_of(secret.arn)
    if users:
        names = ", ".join(user.source_name for user in users)
        raise Conflict(_("%(secret)s is in use by %(users)s.") % {"secret": secret.name, "users": names})
    deletion_at = timezone.now() + (timedelta(0) if at_once else timedelta(days=days))
    with transaction.atomic():
        Secret.objects.filter(pk=secret.pk).update(deletion_at=deletion_at)
        audit(actor, "secrets.schedule_deletion", secret.arn, days=0 if at_once else days)
        bump_configuration()
        if at_once:
            _delete(actor, secret)
    return deletion_at


def restore(actor: Actor, name_or_arn: str) -> Secret:
    """Cancel the deletion."""
    require(actor, Permission.WRITE)
    secret = get(name_or_arn)
    with transaction.atomic():
        Secret.objects.filter(pk=secret.pk).update(deletion_at=None)
        audit(actor, "secrets.restore", secret.arn)
        bump_configuration()
    secret.deletion_at = None
    return secret


def delete_due(actor: Actor, now: datetime) -> int:
    """Remove the secrets whose recovery window is over; how many."""
    due = list(Secret.objects.filter(deletion_at__lte=now))
    for secret in due:
        with transaction.atomic():
            _delete(actor, secret)
    return len(due)


def _delete(actor: Actor, secret: Secret) -> None:
    arn = secret.arn
    forget(arn)
    secret.delete()
    audit(actor, "secrets.delete", arn)


# --- checks ---------------------------------------------------------------------------------------


def _kept(name_or_arn: str) -> Secret:
    """The secret, unless it waits for its deletion."""
    secret = get(name_or_arn)
    if secret.deletion_at:
        raise Conflict(_("%(secret)s is scheduled for deletion; restore it first.") % {"secret": secret.name})
    return secret


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid.at("name", _("has 1 to 512 letters, digits and / _ + = . @ -"))
    holder = Secret.objects.filter(name=name).first()
    if holder and holder.deletion_at:
        raise Conflict(
            _("A secret of that name waits for its deletion; restore it, or choose another name."),
            path="name",
        )
    if holder:
        raise Conflict(_("There is a secret of that name; choose another one."), path="name")


def _check_description(description: str) -> None:
    if len(description) > MAX_DESCRIPTION_LENGTH:
        raise Invalid.at("description", _("has at most 2,048 characters"))


def _usable_key(actor: Actor, key_id: str) -> EncryptionKey:
    """The key to encrypt with: there, enabled, and this person may use it."""
    if not key_id:
        return keys.default_key()
    try:
        key = keys.get(key_id)
    except NotFound as error:
        raise Invalid.at("key_id", str(error)) from error
    try:
        key_material.require_enabled(key)
    except Conflict as error:
        raise Invalid.at("key_id", str(error)) from error
    _authorize(actor, key, "kms:GenerateDataKey")
    return key


def _authorize(actor: Actor, key: EncryptionKey, action: str) -> None:
    if not actor.is_system:
        keys.authorize(actor, key, action)
