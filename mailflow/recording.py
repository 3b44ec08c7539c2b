"""Writes down what attempts came to: deliveries, trace, bounces, and the end of a message."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction

from mailflow import trace
from mailflow.advance import Advance, Attempted, advance_by
from mailflow.bounce import Bounce
from mailflow.counting import count_attempts
from mailflow.logic.text import fit
from mailflow.models import SpoolContent, SpoolDelivery, SpoolMessage
from mailflow.sql import bulk_cursor
from mailflow.work import Work, insert, is_over, state_of, update

log = structlog.get_logger()


def record(owner: str, attempts: Sequence[Attempted]) -> None:
    """Write a batch. Blocks; each `work.states` is as written afterwards.

    Raises what the spool's database says; then nothing of the batch was written to it.
    """
    now = datetime.now(UTC)
    by_message: dict[str, list[Attempted]] = {}
    for attempt in attempts:
        by_message.setdefault(attempt.work.message_id, []).append(attempt)
    advances = [advance_by(made[0].work, made[0].work.states, made, now) for made in by_message.values()]
    # The trace first: it may be written twice, but a message that is over is not found again.
    _tell(advances)
    with transaction.atomic(using=settings.SPOOL_ALIAS):
        ours = set(
            SpoolMessage.objects.select_for_update()
            .filter(pk__in=list(by_message), lease_owner=owner)
            .values_list("pk", flat=True)
        )
        for number, advance in enumerate(advances):
            if advance.work.message_id not in ours:
                advances[number] = _late(advance.work, by_message[advance.work.message_id], now)
        _write(advances)
    count_attempts(attempts, advances, now)
    for advance in advances:
        advance.work.states = advance.after
        advance.work.hold_reason = advance.hold_reason


def remove(message_ids: Iterable[str]) -> None:
    """Take messages out of the spool, with all that belongs to them; within a transaction."""
    rows = [(message_id,) for message_id in message_ids]
    if not rows:
        return
    with bulk_cursor(settings.SPOOL_ALIAS) as cursor:
        for model, column in (
            (SpoolDelivery, "message_id"),
            (SpoolContent, "message_id"),
            (SpoolMessage, "id"),
        ):
            cursor.executemany(f"DELETE FROM {model._meta.db_table} WHERE {column} = %s", rows)  # noqa: S608


def _late(work: Work, attempts: Sequence[Attempted], now: datetime) -> Advance:
    """The lease went over to another meanwhile: what we did counts on top of what is written there."""
    log.warning("lease_lost", message_id=work.message_id)
    SpoolMessage.objects.select_for_update().filter(pk=work.message_id).first()
    rows = SpoolDelivery.objects.filter(message_id=work.message_id).order_by("position")
    states = {row.position: state_of(row) for row in rows}
    advance = advance_by(work, states, [a for a in attempts if a.position in states], now)
    _tell([advance])
    return advance


# --- the rows -------------------------------------------------------------------------------------


def _tell(advances: Sequence[Advance]) -> None:
    bounces = [advance.bounce.story for advance in advances if advance.bounce]
    trace.write([*(advance.story for advance in advances), *bounces])


def _write(advances: Sequence[Advance]) -> None:
    now = datetime.now(UTC)
    over = [advance.work.message_id for advance in advances if is_over(advance.after)]
    updates, inserts = [], []
    for advance in advances:
        message_id = advance.work.message_id
        if advance.bounce:
            _spool(advance.bounce, now)
        if advance.hold_reason:
            SpoolMessage.objects.filter(pk=message_id).update(hold_reason=fit(advance.hold_reason, 500))
        if is_over(advance.after):
            continue
        for position, state in advance.after.items():
            if position not in advance.before:
                inserts.append((message_id, state))
            elif state is not advance.before[position]:
                updates.append((message_id, state))
    update(updates)
    insert(inserts)
    remove(over)


def _spool(made: Bounce, now: datetime) -> None:
    """The bounce becomes a message of the spool, planned already."""
    message = SpoolMessage.objects.create(
        id=made.envelope.message_id,
        envelope=made.envelope.to_document(),
        size_bytes=len(made.content),
        planned_at=now,
        next_attempt_at=now,
    )
    SpoolContent.objects.create(message=message, content=made.content)
    insert([(message.id, made.state)])
