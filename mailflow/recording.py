"""Writes down what attempts came to: deliveries, trace, bounces, and the end of a message."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction

from mailflow import trace
from mailflow.advance import Advance, Attempted, advance_by
from mailflow.bounce import Bounce
from mailflow.counting import count_attempts, count_over
from mailflow.logic.progress import DeliveryState
from mailflow.logic.text import fit
from mailflow.models import SpoolContent, SpoolDelivery, SpoolMessage
from mailflow.sql import delete_rows
from mailflow.trace import Story
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
    advances = [
        advance_by(made[0].work, made[0].work.states, made, now, is_stored=made[0].work.is_planned)
        for made in by_message.values()
    ]
    _settle(owner, advances, by_message, now)
    count_attempts(attempts, advances, now)
    _take_over(advances)


def write_plans(owner: str, works: Sequence[Work]) -> None:
    """What was planned for these, and the beginning of their stories; nothing of it was tried yet. A message
    whose plan is that nothing is to be done is over with it. Raises as `record`."""
    if not works:
        return
    now = datetime.now(UTC)
    advances = [
        Advance(
            work, work.states, work.states, Story(work.message_id, is_over=not work.states), is_stored=False
        )
        for work in works
    ]
    _settle(owner, advances, {work.message_id: [] for work in works}, now)
    count_over((advance.work for advance in advances if not advance.after), now)
    _take_over(advances)


def _settle(
    owner: str, advances: list[Advance], attempts: Mapping[str, Sequence[Attempted]], now: datetime
) -> None:
    # The trace first: it may be written twice, but a message that is over is not found again.
    _tell(advances)
    with transaction.atomic(using=settings.SPOOL_ALIAS):
        rows = (
            SpoolMessage.objects.select_for_update()
            .filter(pk__in=list(attempts), lease_owner=owner)
            .values_list("pk", "planned_at")
        )
        is_stored = {pk: planned_at is not None for pk, planned_at in rows}
        for number, advance in enumerate(advances):
            if is_stored.get(advance.work.message_id) is not advance.is_stored:
                advances[number] = _late(advance.work, attempts[advance.work.message_id], now)
        _write(advances, now)


def _take_over(advances: Sequence[Advance]) -> None:
    for advance in advances:
        work = advance.work
        work.states, work.hold_reason, work.untold = advance.after, advance.hold_reason, None


def remove(message_ids: Sequence[str], *, have_deliveries: bool = True) -> None:
    """Take messages out of the spool, with all that belongs to them; within a transaction."""
    alias = settings.SPOOL_ALIAS
    if have_deliveries:
        delete_rows(alias, SpoolDelivery._meta.db_table, "message_id", message_ids)
    delete_rows(alias, SpoolContent._meta.db_table, "message_id", message_ids)
    delete_rows(alias, SpoolMessage._meta.db_table, "id", message_ids)


def _late(work: Work, attempts: Sequence[Attempted], now: datetime) -> Advance:
    """The lease went over to another meanwhile: what we did counts on top of what is written there.

    Where nothing is, ours is written; the other then finds itself late.
    """
    log.warning("lease_lost", message_id=work.message_id)
    work.is_lost = True
    row = SpoolMessage.objects.select_for_update().filter(pk=work.message_id).first()
    if row is None:
        return Advance(work, {}, {}, Story(work.message_id), is_stored=True)  # it is over
    if row.planned_at is None:
        return advance_by(work, work.states, attempts, now, is_stored=False)
    rows = SpoolDelivery.objects.filter(message_id=work.message_id).order_by("position")
    states = {row.position: state_of(row) for row in rows}
    # The other may have planned by another version of the rule set.
    same = [a for a in attempts if a.position in states and _is_same(work, states, a.position)]
    advance = advance_by(work, states, same, now)
    _tell([advance])
    return advance


def _is_same(work: Work, states: Mapping[int, DeliveryState], position: int) -> bool:
    return work.states[position].delivery == states[position].delivery


# --- the rows -------------------------------------------------------------------------------------


def _tell(advances: Sequence[Advance]) -> None:
    bounces = [advance.bounce.story for advance in advances if advance.bounce]
    trace.write([*map(_story, advances), *bounces])


def _story(advance: Advance) -> Story:
    """With its beginning, where that is not told yet."""
    begun, told = advance.work.untold, advance.story
    if begun is None:
        return told
    outcomes = {**begun.recipient_outcomes, **told.recipient_outcomes}
    return Story(told.message_id, begun.opening, [*begun.events, *told.events], outcomes, told.is_over)


def _write(advances: Sequence[Advance], now: datetime) -> None:
    over: dict[bool, list[str]] = {True: [], False: []}  # by whether it has deliveries
    updates, inserts, planned = [], [], []
    for advance in advances:
        message_id = advance.work.message_id
        if advance.bounce:
            _spool(advance.bounce, now)
        if is_over(advance.after):
            over[advance.is_stored].append(message_id)
            continue
        if advance.hold_reason:
            SpoolMessage.objects.filter(pk=message_id).update(hold_reason=fit(advance.hold_reason, 500))
        if not advance.is_stored:
            planned.append(message_id)
        for position, state in advance.after.items():
            if not advance.is_stored or position not in advance.before:
                inserts.append((message_id, state))
            elif state is not advance.before[position]:
                updates.append((message_id, state))
    if planned:
        SpoolMessage.objects.filter(pk__in=planned).update(planned_at=now)
    update(updates)
    insert(inserts)
    for have_deliveries, message_ids in over.items():
        remove(message_ids, have_deliveries=have_deliveries)


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
