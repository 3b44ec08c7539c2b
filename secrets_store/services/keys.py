"""The verbs of encryption keys."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.logic.policy_document import PolicyKind, parse
from access.services import audit, require
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.identifiers import parse_arn
from resources.services import bump_configuration, forget, set_tags
from secrets_store.logic import uses
from secrets_store.logic.key_access import may_use
from secrets_store.models import EncryptionKey, KeyAlias, KeyMaterial
from secrets_store.services import key_material

DEFAULT_KEY_ALIAS = "aws/secretsmanager"  # the service's own name for it
MIN_DELETION_DAYS, MAX_DELETION_DAYS = 7, 30
MIN_ROTATION_DAYS, MAX_ROTATION_DAYS = 90, 2560  # RotateKey of the service
DEFAULT_ROTATION_DAYS = 365
MAX_ALIAS_LENGTH = 250
MAX_DESCRIPTION_LENGTH = 8192
_RESERVED_PREFIX = "aws/"


# --- life -----------------------------------------------------------------------------------------


def create(
    actor: Actor,
    *,
    alias: str = "",
    description: str = "",
    administrators: Sequence[str] = (),
    users: Sequence[str] = (),
    policy: Any = None,
    tags: Mapping[str, str] | None = None,
) -> EncryptionKey:
    """A new customer managed key. `alias` without `alias/`; "" for none. `policy`: a document, or
    None for the one that `administrators` and `users` (ARNs) make up."""
    require(actor, Permission.ADMINISTER)
    account = settings.ACCOUNT_ID
    document = policy or uses.key_policy(
        account=account, administrators=list(administrators), users=list(users)
    )
    key = EncryptionKey(id=str(uuid.uuid4()), description=_checked_description(description), policy=document)
    _check_policy(actor, document, key.arn)
    with transaction.atomic():
        key.save(force_insert=True)
        key_material.add(key)
        if alias:
            _add_alias(key, alias)
        set_tags(key.arn, tags or {})
        audit(actor, "keys.create", key.arn, alias=alias)
    return key


def default_key() -> EncryptionKey:
    """The key for what needs no policy; made on first use. Nobody manages or disables it."""
    alias = KeyAlias.objects.filter(name=DEFAULT_KEY_ALIAS).select_related("key").first()
    if alias:
        return alias.key
    try:
        with transaction.atomic():
            key = EncryptionKey.objects.create(
                id=str(uuid.uuid4()),
                manager=EncryptionKey.Manager.SERVICE,
                description="Default key of secrets that no endpoint or relay reads",
                policy=uses.key_policy(account=settings.ACCOUNT_ID, administrators=[], users=[]),
            )
            key_material.add(key)
            KeyAlias.objects.create(name=DEFAULT_KEY_ALIAS, key=key)
    except IntegrityError:  # another process was first
        return KeyAlias.objects.select_related("key").get(name=DEFAULT_KEY_ALIAS).key
    return key


def get(id_or_arn_or_alias: str) -> EncryptionKey:
    """By ID, ARN, `alias/NAME` or an alias's ARN."""
    arn = parse_arn(id_or_arn_or_alias)
    wanted = arn.resource if arn else id_or_arn_or_alias
    keys = EncryptionKey.objects.prefetch_related("aliases")
    if wanted.startswith("alias/"):
        key = keys.filter(aliases__name=wanted.removeprefix("alias/")).first()
    else:
        key = keys.filter(pk=wanted.removeprefix("key/")).first()
    if key is None or (arn and (arn.service, arn.account) != ("kms", settings.ACCOUNT_ID)):
        raise NotFound(_("There is no encryption key %(key)s.") % {"key": id_or_arn_or_alias})
    return key


def set_description(actor: Actor, key_id: str, description: str) -> None:
    key = _administered(actor, key_id, "kms:UpdateKeyDescription")
    with transaction.atomic():
        EncryptionKey.objects.filter(pk=key.pk).update(description=_checked_description(description))
        audit(actor, "keys.set_description", key.arn)


def set_enabled(actor: Actor, key_id: str, *, is_enabled: bool) -> None:
    """Secrets under a disabled key can't be read; endpoints that use them answer AUTH with 454."""
    key = _administered(actor, key_id, "kms:EnableKey" if is_enabled else "kms:DisableKey")
    state = EncryptionKey.State.ENABLED if is_enabled else EncryptionKey.State.DISABLED
    with transaction.atomic():
        changed = (
            EncryptionKey.objects.filter(pk=key.pk)
            .exclude(state=EncryptionKey.State.PENDING_DELETION)
            .update(state=state)
        )
        if not changed:
            raise Conflict(_("%(key)s is scheduled for deletion; cancel that first.") % {"key": key})
        audit(actor, "keys.enable" if is_enabled else "keys.disable", key.arn)
        bump_configuration()


def schedule_deletion(actor: Actor, key_id: str, *, days: int = MAX_DELETION_DAYS) -> datetime:
    """The key can't be used from now on and is gone after `days`, and what it wrapped with it."""
    key = _administered(actor, key_id, "kms:ScheduleKeyDeletion")
    if not MIN_DELETION_DAYS <= days <= MAX_DELETION_DAYS:
        raise Invalid.at(
            "days",
            _("must be %(least)s to %(most)s") % {"least": MIN_DELETION_DAYS, "most": MAX_DELETION_DAYS},
        )
    deletion_at = timezone.now() + timedelta(days=days)
    with transaction.atomic():
        changed = (
            EncryptionKey.objects.filter(pk=key.pk)
            .exclude(state=EncryptionKey.State.PENDING_DELETION)
            .update(state=EncryptionKey.State.PENDING_DELETION, deletion_at=deletion_at)
        )
        if not changed:
            raise Conflict(_("%(key)s is scheduled for deletion already.") % {"key": key})
        audit(actor, "keys.schedule_deletion", key.arn, days=days)
        bump_configuration()
    return deletion_at


def cancel_deletion(actor: Actor, key_id: str) -> None:
    """The key is disabled then, as on the service: enabling it is a step of its own."""
    key = _administered(actor, key_id, "kms:CancelKeyDeletion")
    with transaction.atomic():
        changed = EncryptionKey.objects.filter(pk=key.pk, state=EncryptionKey.State.PENDING_DELETION).update(
            state=EncryptionKey.State.DISABLED, deletion_at=None
        )
        if not changed:
            raise Conflict(_("%(key)s is not scheduled for deletion.") % {"key": key})
        audit(actor, "keys.cancel_deletion", key.arn)
        bump_configuration()


def delete_due(actor: Actor, now: datetime) -> int:
    """Remove the keys whose waiting period is over; how many. A key that secrets still name only
    loses its material: they can't be opened any more, but say by which key they were sealed."""
    gone = 0
    due = EncryptionKey.objects.filter(state=EncryptionKey.State.PENDING_DELETION, deletion_at__lte=now)
    for key in due:
        with transaction.atomic():
            KeyMaterial.objects.filter(key=key).delete()
            if not key.secrets.exists():
                forget(key.arn)
                arn = key.arn
                key.delete()
                audit(actor, "keys.delete", arn)
                gone += 1
    return gone


# --- rotation -------------------------------------------------------------------------------------


def rotate_material(actor: Actor, key_id: str) -> int:
    """New material encrypts from now on, the former still decrypts. The new number."""
    key = _administered(actor, key_id, "kms:RotateKeyOnDemand")
    key_material.require_enabled(key)
    with transaction.atomic():
        number = key_material.add(key)
        if key.rotation_period_days:
            _plan_rotation(key)
        audit(actor, "keys.rotate", key.arn, number=number)
    return number


def set_rotation(actor: Actor, key_id: str, *, period_days: int | None) -> None:
    """Rotate by itself every `period_days`; None: by hand only."""
    key = _administered(actor, key_id, "kms:EnableKeyRotation")
    if period_days is not None and not MIN_ROTATION_DAYS <= period_days <= MAX_ROTATION_DAYS:
        raise Invalid.at(
            "period_days",
            _("must be %(least)s to %(most)s days") % {"least": MIN_ROTATION_DAYS, "most": MAX_ROTATION_DAYS},
        )
    with transaction.atomic():
        key.rotation_period_days = period_days
        _plan_rotation(key)
        audit(actor, "keys.set_rotation", key.arn, period_days=period_days)


def rotate_due(actor: Actor, now: datetime) -> int:
    due = EncryptionKey.objects.filter(state=EncryptionKey.State.ENABLED, next_rotation_at__lte=now)
    keys = list(due.values_list("pk", flat=True))
    for key_id in keys:
        rotate_material(actor, key_id)
    return len(keys)


def _plan_rotation(key: EncryptionKey) -> None:
    period = key.rotation_period_days
    key.next_rotation_at = timezone.now() + timedelta(days=period) if period else None
    key.save(update_fields=["rotation_period_days", "next_rotation_at"])


# --- aliases --------------------------------------------------------------------------------------


def create_alias(actor: Actor, alias: str, key_id: str) -> None:
    key = _administered(actor, key_id, "kms:CreateAlias")
    with transaction.atomic():
        _add_alias(key, alias)
        audit(actor, "keys.create_alias", key.arn, alias=alias)


def update_alias(actor: Actor, alias: str, key_id: str) -> None:
    """Point an alias at another key."""
    key = _administered(actor, key_id, "kms:UpdateAlias")
    with transaction.atomic():
        if not KeyAlias.objects.filter(name=_checked_alias(alias)).update(key=key):
            raise NotFound(_("There is no alias/%(alias)s.") % {"alias": alias})
        audit(actor, "keys.update_alias", key.arn, alias=alias)


def delete_alias(actor: Actor, alias: str) -> None:
    require(actor, Permission.ADMINISTER)
    row = KeyAlias.objects.filter(name=_checked_alias(alias)).select_related("key").first()
    if row is None:
        raise NotFound(_("There is no alias/%(alias)s.") % {"alias": alias})
    with transaction.atomic():
        audit(actor, "keys.delete_alias", row.key.arn, alias=alias)
        row.delete()


def _add_alias(key: EncryptionKey, alias: str) -> None:
    name = _checked_alias(alias)
    if KeyAlias.objects.filter(name=name).exists():
        raise Conflict(_("alias/%(alias)s is taken; choose another one.") % {"alias": name}, path="alias")
    KeyAlias.objects.create(name=name, key=key)


def _checked_alias(alias: str) -> str:
    """Without `alias/`. Letters, digits and / _ -, and not the service's own prefix."""
    name = alias.removeprefix("alias/")
    is_spelled_right = bool(name) and all(c.isascii() and (c.isalnum() or c in "/_-") for c in name)
    if not is_spelled_right or len(name) > MAX_ALIAS_LENGTH:
        raise Invalid.at("alias", _("has 1 to 250 letters, digits and / _ -"))
    if name.startswith(_RESERVED_PREFIX):
        raise Invalid.at("alias", _("must not begin with aws/, which is the service's own"))
    return name


# --- policy ---------------------------------------------------------------------------------------


def set_policy(actor: Actor, key_id: str, policy: Any) -> None:
    """Replace the key policy. One that would lock its own author out is refused."""
    key = _administered(actor, key_id, "kms:PutKeyPolicy")
    _check_policy(actor, policy, key.arn)
    with transaction.atomic():
        EncryptionKey.objects.filter(pk=key.pk).update(policy=policy)
        audit(actor, "keys.set_policy", key.arn)
        bump_configuration()


def authorize(actor: Actor, key: EncryptionKey, action: str) -> None:
    """Forbidden, unless the key's policy lets this person do `action` (`kms:Decrypt`)."""
    if not may_use(key.policy, arn=key.arn, user_arn=user_arn(actor.name), action=action):
        raise Forbidden(
            _("The policy of %(key)s does not allow %(name)s %(action)s.")
            % {"key": key, "name": actor.name, "action": action}
        )


def user_arn(name: str) -> str:
    return f"arn:aws:iam::{settings.ACCOUNT_ID}:user/{name}"


def _check_policy(actor: Actor, document: Any, key_arn: str) -> None:
    parse(document, PolicyKind.RESOURCE)
    if not may_use(document, arn=key_arn, user_arn=user_arn(actor.name), action="kms:PutKeyPolicy"):
        raise Invalid.at("", _("This policy would lock you out: it does not allow you kms:PutKeyPolicy."))


def _checked_description(description: str) -> str:
    if len(description) > MAX_DESCRIPTION_LENGTH:
        raise Invalid.at("description", _("has at most 8,192 characters"))
    return description


def _administered(actor: Actor, key_id: str, action: str) -> EncryptionKey:
    """The key, which the actor may change in that way."""
    require(actor, Permission.ADMINISTER)
    key = get(key_id)
    if not key.is_customer_managed:
        raise Forbidden(_("The default key is managed by Mail Manager and can't be changed."))
    if not actor.is_system:
        authorize(actor, key, action)
    return key
