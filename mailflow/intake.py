"""Takes what is due out of the spool: claimed, read, and planned where that is still to be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction

from core.envelope import Envelope
from core.identifiers import message_time
from mailflow import lease, planning, trace
from mailflow.advance import retry_schedule
from mailflow.counting import count_over
from mailflow.lease import Claim
from mailflow.logic.story import EventKind
from mailflow.logic.text import fit
from mailflow.models import SpoolDelivery, SpoolMessage
from mailflow.recording import remove
from mailflow.trace import Event, Opening, Story
from mailflow.work import Work, insert, state_of

log = structlog.get_logger()

MAX_HOLD_REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Intake:
    """`claimed` counts what was taken from the spool, with what was over at once."""

    works: list[Work]
    claimed: int


def take(owner: str, *, limit: int, max_bytes: int) -> Intake:
    """Messages to work on, under a lease of `owner`. Blocks; queries do not follow their number."""
    now = datetime.now(UTC)
    if not lease.is_anything_due(now):
        return Intake([], 0)
    claims = lease.claim(owner, limit=limit, max_bytes=max_bytes, now=now)
    works, unplanned = _read(owner, claims, now)
    if unplanned:
        rule_sets = planning.RuleSets(work.envelope for work in unplanned)
        _write_plan(owner, [(work, _walk(work, rule_sets, now)) for work in unplanned], now)
    return Intake([work for work in works if work.states], len(claims))


def open_one(owner: str, message_id: str) -> Work | None:
    """One message under a lease of `owner`, planned: where no rule set was walked yet, that is what is
    still to be done. None where another works on it, or it can't be read."""
    now = datetime.now(UTC)
    claim = lease.claim_one(owner, message_id, now)
    works, unplanned = _read(owner, [claim] if claim else [], now)
    for work in unplanned:
        state = planning.walk_later(0, work.envelope.forward_paths, now)
        work.states = {0: state}
        _write_plan(owner, [(work, _story(work, planning.Walked(states=[state])))], now)
    return works[0] if works and works[0].states else None


def _read(owner: str, claims: Sequence[Claim], now: datetime) -> tuple[list[Work], list[Work]]:
    """Everything that can be read, and those of it that have no plan yet."""
    envelopes = _envelopes(owner, claims, now)
    names = planning.endpoint_names(envelopes.values())
    contents = lease.contents(list(envelopes))
    works = {
        message_id: Work(
            message_id, envelope, contents.get(message_id, b""), names.get(envelope.endpoint_id, "")
        )
        for message_id, envelope in envelopes.items()
    }
    planned = {claim.message_id for claim in claims if claim.is_planned and claim.message_id in works}
    if planned:
        for row in SpoolDelivery.objects.filter(message_id__in=planned).order_by("position"):
            works[row.message_id].states[row.position] = state_of(row)
    return list(works.values()), [work for work in works.values() if work.message_id not in planned]


def _envelopes(owner: str, claims: Sequence[Claim], now: datetime) -> dict[str, Envelope]:
    envelopes: dict[str, Envelope] = {}
    for claim in claims:
        try:
            envelopes[claim.message_id] = Envelope.from_document(claim.envelope_document)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            _put_off(owner, claim, f"its envelope can't be read: {type(error).__name__}: {error}", now)
    return envelopes


def _put_off(owner: str, claim: Claim, reason: str, now: datetime) -> None:
    """Without an envelope there is nobody to tell: tried again, perhaps by a later version of ours, then
    held for a person to look at."""
    attempt = claim.attempts + 1
    since = message_time(claim.message_id) or now
    again_at = retry_schedule().next_attempt_at(first_attempt_at=since, attempt=attempt, now=now)
    log.error("message_not_read", message_id=claim.message_id, reason=reason, held=again_at is None)
    hold_reason = "" if again_at else fit(reason, MAX_HOLD_REASON_LENGTH)
    SpoolMessage.objects.filter(pk=claim.message_id).update(attempts=attempt, hold_reason=hold_reason)
    lease.release(owner, [(claim.message_id, again_at or lease.NEVER)])


def _write_plan(owner: str, planned: Sequence[tuple[Work, Story]], now: datetime) -> None:
    """Write down what is to be done: from then on a message is never planned again."""
    # The trace first: written twice it stays one, but a message that is over is not found again.
    trace.write([story for _work, story in planned])
    works = [work for work, _story in planned]
    over = [work.message_id for work in works if not work.states]
    with transaction.atomic(using=settings.SPOOL_ALIAS):
        # Whose lease went over to another meanwhile is planned there.
        ours = set(
            SpoolMessage.objects.select_for_update()
            .filter(pk__in=[work.message_id for work in works], lease_owner=owner, planned_at=None)
            .values_list("pk", flat=True)
        )
        SpoolMessage.objects.filter(pk__in=ours).update(planned_at=now)
        insert(
            (work.message_id, state)
            for work in works
            if work.message_id in ours
            for state in work.states.values()
        )
        remove([message_id for message_id in over if message_id in ours])
    count_over((work for work in works if not work.states and work.message_id in ours), now)
    for work in works:
        if work.message_id not in ours:
            work.states = {}


def _walk(work: Work, rule_sets: planning.RuleSets, now: datetime) -> Story:
    walked = planning.walk(work.envelope, work.message, rule_sets, now=now, attempt=0, first_position=0)
    work.states = {state.delivery.position: state for state in walked.states}
    return _story(work, walked)


def _story(work: Work, walked: planning.Walked) -> Story:
    """The beginning of a message's story."""
    envelope = work.envelope
    detail = {"Endpoint": work.endpoint_name}
    accepted = Event("accepted", EventKind.ACCEPTED, envelope.received_at, detail, envelope.forward_paths)
    return Story(
        work.message_id,
        Opening(envelope, work.endpoint_name, work.message.subject),
        [accepted, *walked.events],
        walked.outcomes,
        is_over=not work.states,
    )
