"""Who works on which message: claims that end by themselves when their owner dies."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Q

from mailflow.models import SpoolContent, SpoolMessage
from mailflow.sql import bulk_cursor, stored_time, unsynced

# What is held, or rests after its owner looked at it for good, is never due by itself.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

_TABLE = SpoolMessage._meta.db_table


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours for now. `envelope_document` as stored, not looked into yet."""

    message_id: str
    envelope_document: Any
    size_bytes: int
    is_planned: bool
    attempts: int


def lease_duration() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def is_anything_due(now: datetime) -> bool:
    """A cheap look, before a claim takes the database's write lock for nothing."""
    return SpoolMessage.objects.filter(next_attempt_at__lte=now).exists()


def claim(owner: str, *, limit: int, max_bytes: int, now: datetime) -> list[Claim]:
    """Take at most `limit` messages that are due, together at most `max_bytes` (but always one)."""
    alias = settings.SPOOL_ALIAS
    connection = connections[alias]
    skip_locked = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    until = stored_time(alias, now + lease_duration())
    statement = (
        f"UPDATE {_TABLE} SET lease_owner = %s, leased_until = %s, next_attempt_at = %s"  # noqa: S608
        f" WHERE id IN (SELECT id FROM {_TABLE} WHERE next_attempt_at <= %s"
        f" ORDER BY next_attempt_at LIMIT %s {skip_locked})"
        " RETURNING id, envelope, size_bytes, planned_at, attempts"
    )
    # A claim that is lost leaves the message as it was: due.
    with unsynced(alias), connection.cursor() as cursor:
        cursor.execute(statement, [owner, until, until, stored_time(alias, now), limit])
        claims = [
            Claim(message_id, _json(envelope), size_bytes, planned_at is not None, attempts)
            for message_id, envelope, size_bytes, planned_at, attempts in cursor.fetchall()
        ]
        claims.sort(key=lambda one: one.message_id)
        kept, total = claims[:1], sum(one.size_bytes for one in claims[:1])
        for one in claims[1:]:
            total += one.size_bytes
            if total > max_bytes:
                break
            kept.append(one)
        release(owner, [(one.message_id, now) for one in claims[len(kept) :]])
    return kept


def claim_one(owner: str, message_id: str, now: datetime) -> Claim | None:
    """This message, due or not; None where somebody works on it, or it is not there."""
    until = now + lease_duration()
    free = SpoolMessage.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), pk=message_id)
    if not free.update(lease_owner=owner, leased_until=until, next_attempt_at=until):
        return None
    row = SpoolMessage.objects.get(pk=message_id)
    return Claim(message_id, row.envelope, row.size_bytes, row.planned_at is not None, row.attempts)


def _json(value: Any) -> Any:
    """jsonb comes decoded or as text, as Django's adapters have it; None where it can't be read."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None


def contents(message_ids: Sequence[str]) -> dict[str, bytes]:
    rows = SpoolContent.objects.filter(message_id__in=message_ids).values_list("message_id", "content")
    return {message_id: bytes(content) for message_id, content in rows}


def renew(owner: str, message_ids: Sequence[str], now: datetime) -> None:
    """Keep what is ours of these for another lease."""
    until = now + lease_duration()
    SpoolMessage.objects.filter(id__in=message_ids, lease_owner=owner).update(
        leased_until=until, next_attempt_at=until
    )


def release(owner: str, due: Iterable[tuple[str, datetime]]) -> None:
    """Give back each message (ID, when it is due again) that is still ours."""
    alias = settings.SPOOL_ALIAS
    rows = [(stored_time(alias, at), message_id, owner) for message_id, at in due]
    if not rows:
        return
    statement = (
        f"UPDATE {_TABLE} SET lease_owner = '', leased_until = NULL, next_attempt_at = %s"  # noqa: S608
        " WHERE id = %s AND lease_owner = %s"
    )
    with transaction.atomic(using=alias), bulk_cursor(alias) as cursor:
        cursor.executemany(statement, rows)
