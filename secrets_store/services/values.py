"""A secret's values: sealed, opened, and moved between AWSPENDING, AWSCURRENT and AWSPREVIOUS."""

import json
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Conflict, Invalid, NotFound
from resources.services import bump_configuration
from secrets_store import crypto, password_hashes
from secrets_store.models import Secret, SecretVersion, VersionStage
from secrets_store.services import key_material

MAX_VALUE_BYTES = 65_536  # SecretString of the service
MAX_VERSIONS = 100  # of a secret; what has no stage goes first, oldest first
_PASSWORD = "password"


def add_version(
    secret: Secret, value: str | bytes, *, stages: tuple[str, ...], version_id: str = ""
) -> SecretVersion:
    """Seal `value` as a new version and put `stages` on it, inside the caller's transaction.

    Where AWSCURRENT moves, the version that had it becomes AWSPREVIOUS.
    """
    is_text = isinstance(value, str)
    content = value.encode() if isinstance(value, str) else value
    if not 1 <= len(content) <= MAX_VALUE_BYTES:
        raise Invalid.at("value", _("has 1 to 65,536 bytes"))
    version_id = version_id or str(uuid.uuid4())
    if not 32 <= len(version_id) <= 64:
        raise Invalid.at("version_id", _("has 32 to 64 characters"))
    if secret.versions.filter(version_id=version_id).exists():
        raise Conflict(_("There is a version %(id)s already.") % {"id": version_id}, path="version_id")
    context = _context(secret, version_id)
    data_key = crypto.new_key()
    members = _members(content) if is_text else {}
    version = SecretVersion.objects.create(
        secret=secret,
        version_id=version_id,
        sealed=crypto.seal(data_key, content, crypto.encode_context(context)),
        wrapped_data_key=key_material.encrypt(secret.key, data_key, context),
        is_text=is_text,
        value_keys=_key_names(members),
        password_hash=_password_hash(members),
    )
    for stage in stages:
        move_stage(secret, stage, version)
    _forget_old_versions(secret)
    bump_configuration()
    return version


def open_version(version: SecretVersion) -> bytes:
    """The value. Conflict where the key is disabled, Invalid where it can't be opened any more."""
    context = _context(version.secret, version.version_id)
    data_key = key_material.decrypt(bytes(version.wrapped_data_key), context)
    return crypto.unseal(data_key, bytes(version.sealed), crypto.encode_context(context))


def find_version(secret: Secret, *, stage: str = "", version_id: str = "") -> SecretVersion:
    """By stage, version ID or both; AWSCURRENT without either. NotFound says which was asked for."""
    versions = secret.versions.select_related("secret__key")
    if version_id:
        versions = versions.filter(version_id=version_id)
    if stage or not version_id:
        versions = versions.filter(stages__name=stage or VersionStage.CURRENT)
    version = versions.first()
    if version is None:
        wanted = version_id or stage or VersionStage.CURRENT
        raise NotFound(
            _("%(secret)s has no version %(version)s.") % {"secret": secret.name, "version": wanted}
        )
    return version


def move_stage(secret: Secret, stage: str, version: SecretVersion | None) -> None:
    """Put `stage` on `version` and on no other (None: on none), inside the caller's transaction."""
    former = VersionStage.objects.filter(secret=secret, name=stage).select_related("version").first()
    if former and version and former.version_id == version.pk:
        return
    if former:
        former.delete()
    if version:
        VersionStage.objects.create(secret=secret, version=version, name=stage)
    if stage == VersionStage.CURRENT and version:
        VersionStage.objects.filter(version=version, name=VersionStage.PREVIOUS).delete()
        if former:
            move_stage(secret, VersionStage.PREVIOUS, former.version)


def reseal_current(secret: Secret) -> None:
    """Seal the current value under the secret's key of now, as a new version."""
    with transaction.atomic():
        version = find_version(secret)
        content = open_version(version)
        value: str | bytes = content.decode() if version.is_text else content
        add_version(secret, value, stages=(VersionStage.CURRENT,))


def _context(secret: Secret, version_id: str) -> dict[str, str]:
    """What every ciphertext of the secret is bound to: it opens for this ARN and version alone."""
    return {"SecretARN": secret.arn, "SecretVersionId": version_id}


def _members(content: bytes) -> dict[str, object]:
    """The members of a JSON object, {} for any other value."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _key_names(members: dict[str, object]) -> list[str]:
    """As readiness compares and shows them: a key whose value nobody can log in with is another key."""
    return sorted(
        name if isinstance(value, str) and value else f"{name} (no text)" for name, value in members.items()
    )


def _password_hash(members: dict[str, object]) -> str:
    password = members.get(_PASSWORD)
    return password_hashes.hash_password(password) if isinstance(password, str) and password else ""


def _forget_old_versions(secret: Secret) -> None:
    surplus = secret.versions.count() - MAX_VERSIONS
    if surplus > 0:
        unstaged = secret.versions.filter(stages__isnull=True).order_by("pk")
        oldest = list(unstaged.values_list("pk", flat=True)[:surplus])
        SecretVersion.objects.filter(pk__in=oldest).delete()
