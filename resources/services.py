"""Tags, versions, references and the configuration's version, for the services of the rooms."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, ProtectedError
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from core.errors import Conflict, Invalid, Problem
from resources.models import Configuration, DocumentVersion, Reference, Resource, Tag

log = structlog.get_logger()

CONFIGURATION_CHANNEL = "mailmanager:configuration"
MAX_TAGS = 200  # TagList of the service model
_NOTICE_TIMEOUT_SECONDS = 1.0


# --- configuration version ------------------------------------------------------------------------


def bump_configuration() -> None:
    """Tell ingress and workers that something they hold changed; call inside the change's transaction.

    The number in the database is the truth; the notice after commit only makes it quick, and may be
    lost: listeners also poll.
    """
    changed = Configuration.objects.filter(pk=Configuration.ROW_ID).update(version=F("version") + 1)
    if not changed:
        Configuration.objects.create(pk=Configuration.ROW_ID, version=1)
    transaction.on_commit(partial(_publish_notice, configuration_version()))


def configuration_version() -> int:
    row = Configuration.objects.filter(pk=Configuration.ROW_ID).values_list("version", flat=True).first()
    return row or 0


def _publish_notice(version: int) -> None:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_NOTICE_TIMEOUT_SECONDS,
            socket_connect_timeout=_NOTICE_TIMEOUT_SECONDS,
        ) as client:
            client.publish(CONFIGURATION_CHANNEL, version)
    except redis.RedisError as error:
        log.warning("configuration_notice_failed", version=version, error=str(error))


# --- tags -----------------------------------------------------------------------------------------


def tags_of(resource_arn: str) -> dict[str, str]:
    return dict(Tag.objects.filter(resource_arn=resource_arn).order_by("key").values_list("key", "value"))


def set_tags(resource_arn: str, tags: Mapping[str, str]) -> None:
    """Make `tags` the resource's tags, all of them. Invalid where a key or value is out of bounds."""
    problems = [
        Problem(f"Tags.{key}", "a key has 1 to 128 characters, a value at most 256")
        for key, value in tags.items()
        if not 1 <= len(key) <= 128 or len(value) > 256
    ]
    if len(tags) > MAX_TAGS:
        problems.append(Problem("Tags", f"at most {MAX_TAGS} tags"))
    if problems:
        raise Invalid(problems)
    Tag.objects.filter(resource_arn=resource_arn).delete()
    Tag.objects.bulk_create(
        Tag(resource_arn=resource_arn, key=key, value=value) for key, value in tags.items()
    )


def change_tags(actor: Actor, resource_arn: str, tags: Mapping[str, str]) -> None:
    """Make `tags` the resource's tags, as a wish of its own."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        set_tags(resource_arn, tags)
        audit(actor, "resources.change_tags", resource_arn, keys=sorted(tags))


# --- document versions ----------------------------------------------------------------------------


def save_version(actor: Actor, resource_arn: str, document: Any) -> int:
    """Keep `document` as the next version of the resource; its number."""
    versions = DocumentVersion.objects.filter(resource_arn=resource_arn)
    number = (versions.aggregate(last=Max("number"))["last"] or 0) + 1
    DocumentVersion.objects.create(
        resource_arn=resource_arn, number=number, document=document, saved_by=actor.name
    )
    return number


# --- references -----------------------------------------------------------------------------------


def set_references(source_arn: str, source_name: str, target_arns: Iterable[str]) -> None:
    """Make `target_arns` all that the source's document names."""
    Reference.objects.filter(source_arn=source_arn).delete()
    Reference.objects.bulk_create(
        Reference(source_arn=source_arn, source_name=source_name, target_arn=target)
        for target in sorted(set(target_arns))
    )


def users_of(target_arn: str) -> list[Reference]:
    """Who names the target, by name."""
    return list(Reference.objects.filter(target_arn=target_arn).order_by("source_name"))


def delete_unused(resource: Resource) -> None:
    """Delete it and what is kept beside it. Conflict while it is in use, naming the users: that undoes
    the caller's transaction, and the deletion with it."""
    arn, name = resource.arn, resource.name
    users = {user.source_name for user in users_of(arn)}
    try:
        resource.delete()
    except ProtectedError as error:
        users |= {str(user) for user in error.protected_objects}
    if users:
        named = {"name": name, "users": ", ".join(sorted(users))}
        raise Conflict(_("%(name)s is in use by %(users)s.") % named)
    forget(arn)


def forget(resource_arn: str) -> None:
    """Remove what is kept beside a resource that is being deleted: tags, versions, its references."""
    Tag.objects.filter(resource_arn=resource_arn).delete()
    DocumentVersion.objects.filter(resource_arn=resource_arn).delete()
    Reference.objects.filter(source_arn=resource_arn).delete()
