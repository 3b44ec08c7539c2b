"""The verbs of access keys. Each acts as its user, with that person's permissions."""

import secrets
import string
from dataclasses import dataclass
from functools import lru_cache

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.models import User
from access.services import audit, require
from api.models import AccessKey
from core.errors import Invalid, NotFound, QuotaExceeded
from core.identifiers import random_text
from secrets_store.services import key_material, keys

MAX_KEYS_PER_USER = 2  # as on the service: one in use, and one to change over to
_ID_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True)
class NewAccessKey:
    """The only time that the secret is to be had."""

    access_key_id: str
    secret_access_key: str


def create(actor: Actor, user_name: str) -> NewAccessKey:
    """For oneself; for somebody else an administrator only."""
    user = _owner(actor, user_name)
    if user.access_keys.count() >= MAX_KEYS_PER_USER:
        raise QuotaExceeded(
            _("%(name)s has %(most)s access keys already; delete one first.")
            % {"name": user_name, "most": MAX_KEYS_PER_USER}
        )
    key_id = f"AKIA{random_text(16, _ID_ALPHABET)}"
    secret = secrets.token_urlsafe(30)  # 40 characters
    with transaction.atomic():
        sealed = key_material.encrypt(keys.default_key(), secret.encode(), _context(key_id))
        AccessKey.objects.create(id=key_id, user=user, sealed_secret=sealed)
        audit(actor, "access_keys.create", access_key=key_id, user=user_name)
    return NewAccessKey(key_id, secret)


def visible_to(actor: Actor) -> QuerySet[AccessKey]:
    """One's own; an administrator sees everybody's."""
    require(actor, Permission.READ)
    keys = AccessKey.objects.select_related("user").defer("sealed_secret")
    return keys if actor.may(Permission.ADMINISTER) else keys.filter(user__username=actor.name)


def get(actor: Actor, key_id: str) -> AccessKey:
    """NotFound in the same words for a key that isn't and one that is somebody else's: that one is none
    of the actor's business."""
    key = visible_to(actor).filter(pk=key_id).first()
    if key is None:
        raise NotFound(_("There is no access key %(id)s of yours.") % {"id": key_id})
    return key


def set_active(actor: Actor, key_id: str, *, is_active: bool) -> None:
    key = get(actor, key_id)
    status = AccessKey.Status.ACTIVE if is_active else AccessKey.Status.INACTIVE
    with transaction.atomic():
        AccessKey.objects.filter(pk=key.pk).update(status=status)
        audit(actor, "access_keys.activate" if is_active else "access_keys.deactivate", access_key=key_id)


def delete(actor: Actor, key_id: str) -> None:
    key = get(actor, key_id)
    with transaction.atomic():
        key.delete()
        audit(actor, "access_keys.delete", access_key=key_id)


def find_active(key_id: str) -> AccessKey | None:
    """With its user, who must be active too."""
    return (
        AccessKey.objects.filter(pk=key_id, status=AccessKey.Status.ACTIVE, user__is_active=True)
        .select_related("user")
        .first()
    )


def secret_of(key: AccessKey) -> str | None:
    """None where it can't be opened: a root key that is not here any more."""
    try:
        return _opened(key.pk, bytes(key.sealed_secret))
    except Invalid:
        return None


@lru_cache(maxsize=1000)  # a third of a request's time; whether the key still holds is asked each time
def _opened(key_id: str, sealed: bytes) -> str:
    return key_material.decrypt(sealed, _context(key_id)).decode()


def _context(key_id: str) -> dict[str, str]:
    return {"AccessKeyId": key_id}


def _owner(actor: Actor, user_name: str) -> User:
    require(actor, Permission.READ if user_name == actor.name else Permission.ADMINISTER)
    user = User.objects.filter(username=user_name, is_active=True).first()
    if user is None:
        raise NotFound(_("There is no active user %(name)s.") % {"name": user_name})
    return user
