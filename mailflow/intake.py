"""Takes what is due out of the spool: claimed, read, and planned where that is still to be done.

What is planned now is not written down here, but with what comes of it, or when that takes its time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from core.envelope import Envelope
from core.identifiers import message_time
from mailflow import lease, planning, recording
from mailflow.advance import retry_schedule
from mailflow.lease import Claim
from mailflow.logic.story import EventKind
from mailflow.logic.text import fit
from mailflow.models import SpoolDelivery, SpoolMessage
from mailflow.trace import Event, Opening, Story
from mailflow.work import Work, state_of

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
        for work in unplanned:
            _walk(work, rule_sets, now)
        recording.write_plans(owner, [work for work in unplanned if not work.states])
    return Intake([work for work in works if work.states], len(claims))


def open_one(owner: str, message_id: str) -> Work | None:
    """One message under a lease of `owner`, planned: where no rule set was walked yet, that is what is
    still to be done. None where another works on it, or it can't be read."""
    now = datetime.now(UTC)
    claim = lease.claim_one(owner, message_id, now)
    works, unplanned = _read(owner, [claim] if claim else [], now)
    for work in unplanned:
        _begin(work, planning.Walked([planning.walk_later(0, work.envelope.forward_paths, now)]))
        recording.write_plans(owner, [work])
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


def _walk(work: Work, rule_sets: planning.RuleSets, now: datetime) -> None:
    _begin(work, planning.walk(work.envelope, work.message, rule_sets, now=now, attempt=0, first_position=0))


def _begin(work: Work, walked: planning.Walked) -> None:
    """What is to be done, and the beginning of the message's story."""
    envelope = work.envelope
    work.states = {state.delivery.position: state for state in walked.states}
    detail = {"Endpoint": work.endpoint_name}
    accepted = Event("accepted", EventKind.ACCEPTED, envelope.received_at, detail, envelope.forward_paths)
    opening = Opening(envelope, work.endpoint_name, work.message.subject)
    work.untold = Story(work.message_id, opening, [accepted, *walked.events], walked.outcomes)
