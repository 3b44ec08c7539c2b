"""Rotation: a new value by schedule or by hand, in the service's four steps.

createSecret makes the AWSPENDING version, setSecret brings it to where it is used, testSecret tries it
there, finishSecret makes it AWSCURRENT. The former one becomes AWSPREVIOUS, which AUTH still accepts
until the next rotation. Each step may run again after a crash: the version's ID stays the same.
"""

import json
import uuid
from datetime import datetime

import httpx
import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from core.errors import Conflict, Invalid, NotFound, ServiceError
from resources.services import bump_configuration
from secrets_store.logic.random_password import random_password
from secrets_store.logic.schedule import BadSchedule, next_rotation
from secrets_store.models import Secret, SecretVersion, VersionStage
from secrets_store.services import secrets, values

log = structlog.get_logger()

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FUNCTION_TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 128 * 1024
GENERATED_PASSWORD_LENGTH = 32


def configure(actor: Actor, name_or_arn: str, *, kind: str, schedule: str = "", function: str = "") -> Secret:
    """`kind`: Secret.RotationKind, or "" to end rotation. `schedule` "": by hand only."""
    require(actor, Permission.WRITE)
    secret = secrets.get(name_or_arn)
    _check(kind, schedule, function)
    secret.rotation_kind = kind
    secret.rotation_schedule = schedule if kind else ""
    secret.rotation_function = function if kind == Secret.RotationKind.FUNCTION else ""
    secret.next_rotation_at = next_rotation(schedule, timezone.now()) if kind and schedule else None
    secret.rotation_problem = ""
    with transaction.atomic():
        secret.save(
            update_fields=[
                "rotation_kind",
                "rotation_schedule",
                "rotation_function",
                "next_rotation_at",
                "rotation_problem",
            ]
        )
        audit(actor, "secrets.configure_rotation", secret.arn, kind=kind, schedule=schedule)
    return secret


def rotate(actor: Actor, name_or_arn: str) -> SecretVersion:
    """All four steps, now; the new current version. A failing step leaves AWSCURRENT as it was."""
    require(actor, Permission.WRITE)
    secret = secrets.get(name_or_arn)
    if secret.deletion_at:
        raise Conflict(_("%(secret)s is scheduled for deletion; restore it first.") % {"secret": secret.name})
    if not secret.rotation_kind:
        raise Conflict(_("%(secret)s has no rotation; configure it first.") % {"secret": secret.name})
    if secret.rotation_kind == Secret.RotationKind.GENERATED:
        version = _generate(secret)
    else:
        version = _call_function(secret)
    with transaction.atomic():
        values.move_stage(secret, VersionStage.CURRENT, version)
        values.move_stage(secret, VersionStage.PENDING, None)
        _note(secret, problem="")
        audit(actor, "secrets.rotate", secret.arn, version=version.version_id)
        bump_configuration()
    return version


def rotate_due(actor: Actor, now: datetime) -> int:
    """Every rotation that is due; how many went well. One that fails is tried again at its next time,
    and its secret's page says why it failed."""
    rotated = 0
    due = Secret.objects.filter(next_rotation_at__lte=now, deletion_at__isnull=True).select_related("key")
    for secret in list(due):
        try:
            rotate(actor, secret.arn)
            rotated += 1
        except ServiceError as error:
            log.warning("rotation_failed", secret=secret.arn, error=str(error))
            _note(secret, problem=str(error)[:500])
    return rotated


def _note(secret: Secret, *, problem: str) -> None:
    now = timezone.now()
    secret.rotation_problem = problem
    secret.next_rotation_at = (
        next_rotation(secret.rotation_schedule, now) if secret.rotation_schedule else None
    )
    if not problem:
        secret.last_rotated_at = now
    secret.save(update_fields=["rotation_problem", "next_rotation_at", "last_rotated_at"])


def _check(kind: str, schedule: str, function: str) -> None:
    if kind and kind not in Secret.RotationKind.values:
        raise Invalid.at("kind", _("must be one of %(kinds)s") % {"kinds": ", ".join(Secret.RotationKind)})
    if kind and schedule:
        try:
            next_rotation(schedule, timezone.now())
        except BadSchedule as error:
            raise Invalid.at("schedule", str(error)) from error
    if kind == Secret.RotationKind.FUNCTION and not function.startswith(("http://", "https://")):
        raise Invalid.at("function", _("must be an http:// or https:// address"))


def _pending(secret: Secret) -> SecretVersion | None:
    """What an earlier, interrupted rotation left."""
    stage = secret.stages.filter(name=VersionStage.PENDING).select_related("version").first()
    return stage.version if stage else None


def _generate(secret: Secret) -> SecretVersion:
    """The current value with a new `password`; its other members stay."""
    current = values.find_version(secret)
    content = values.open_version(current)
    try:
        members = json.loads(content)
    except ValueError:
        members = None
    if not isinstance(members, dict) or "password" not in members:
        raise Conflict(
            _("%(secret)s has no key password, which a generated password could replace.")
            % {"secret": secret.name}
        )
    members["password"] = random_password(GENERATED_PASSWORD_LENGTH)
    with transaction.atomic():
        return values.add_version(secret, json.dumps(members), stages=(VersionStage.PENDING,))


# --- by a function --------------------------------------------------------------------------------


def _call_function(secret: Secret) -> SecretVersion:
    """POST each step to the function, in the service's shape: Step, SecretId, ClientRequestToken.

    DEVIATION: the function may answer createSecret with {"SecretString": …} instead of calling
    PutSecretValue; and finishing is ours, so that a function needs no right to move stages.
    """
    pending = _pending(secret)
    token = pending.version_id if pending else str(uuid.uuid4())
    for step in STEPS:
        answer = _post(secret, step, token)
        value = answer.get("SecretString")
        if step == "createSecret" and isinstance(value, str) and not _is_there(secret, token):
            with transaction.atomic():
                values.add_version(secret, value, stages=(VersionStage.PENDING,), version_id=token)
        if step == "createSecret" and not _is_there(secret, token):
            raise Conflict(_("The function made no new value in the step createSecret."))
    return values.find_version(secret, version_id=token)


def _is_there(secret: Secret, version_id: str) -> bool:
    try:
        values.find_version(secret, version_id=version_id)
    except NotFound:
        return False
    return True


def _post(secret: Secret, step: str, token: str) -> dict[str, object]:
    """The function's answer, a JSON object or nothing. Conflict says what went wrong, but never
    repeats what the function said: that may have the value in it."""
    body = {"Step": step, "SecretId": secret.arn, "ClientRequestToken": token}
    try:
        with (
            httpx.Client(timeout=FUNCTION_TIMEOUT_SECONDS, trust_env=False) as client,
            client.stream("POST", secret.rotation_function, json=body) as response,
        ):
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise Conflict(_("The function's answer to %(step)s is too long.") % {"step": step})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Conflict(
            _("The function could not be called for %(step)s (%(error)s).")
            % {"step": step, "error": type(error).__name__}
        ) from error
    if response.status_code >= 300:
        raise Conflict(
            _("The function answered %(step)s with status %(status)s.")
            % {"step": step, "status": response.status_code}
        )
    try:
        answer = json.loads(content) if content.strip() else {}
    except ValueError:
        answer = {}
    return answer if isinstance(answer, dict) else {}
