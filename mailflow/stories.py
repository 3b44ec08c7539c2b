"""What the trace's pages and the command show of a message, in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from console.status import Look
from core.errors import NotFound
from mailflow.logic.story import EventKind, kind_in_words, tell
from mailflow.logic.walk_story import unpack
from mailflow.looks import DELIVERIES, OUTCOMES, look_of_event
from mailflow.models import MessageTrace, Outcome, RecipientTrace, SpoolDelivery, SpoolMessage, TraceEvent

MAX_RELATED = 20
MAX_EVENTS = 2_000  # a message with a hundred recipients and forty rules has a few hundred


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `conditions`: (part, what was asked, whether it held) of a rule. `link_id`: another
    message that it speaks of."""

    at: datetime
    kind: str
    look: Look
    explanation: dict[str, Any] | None
    next_attempt_at: datetime | None
    link_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery of the spool."""

    words: str
    rule_name: str
    recipients: Sequence[str]
    look: Look
    attempts: int
    next_attempt_at: datetime | None
    last_result: str
    is_pending: bool


@dataclass(frozen=True, slots=True)
class MessageStory:
    trace: MessageTrace | None
    spooled: SpoolMessage | None
    look: Look
    recipients: Sequence[tuple[RecipientTrace, Look]]
    events: Sequence[Told]
    deliveries: Sequence[Waiting]
    related: Sequence[MessageTrace]

    @property
    def is_under_way(self) -> bool:
        """It changes by itself: polled until it rests."""
        return self.spooled is not None and not self.spooled.hold_reason

    @property
    def can_be_retried(self) -> bool:
        return self.spooled is not None and (bool(self.spooled.hold_reason) or bool(self.deliveries))


def story_of(message_id: str) -> MessageStory:
    """NotFound where neither trace nor spool knows it."""
    trace = MessageTrace.objects.filter(pk=message_id).first()
    spooled = SpoolMessage.objects.filter(pk=message_id).defer("envelope").first()
    if trace is None and spooled is None:
        raise NotFound(_("There is no message %(id)s in the trace.") % {"id": message_id})
    deliveries = SpoolDelivery.objects.filter(message_id=message_id).order_by("position") if spooled else []
    outcome = trace.outcome if trace else Outcome.UNDER_WAY
    recipients = RecipientTrace.objects.filter(trace_id=message_id).order_by("id")
    events = TraceEvent.objects.filter(trace_id=message_id).order_by("at", "id")[:MAX_EVENTS]
    return MessageStory(
        trace=trace,
        spooled=spooled,
        look=OUTCOMES[outcome],
        recipients=[(recipient, OUTCOMES[recipient.outcome]) for recipient in recipients],
        events=[told(step) for event in events for step in _steps(event)],
        deliveries=[_waiting(row) for row in deliveries],
        related=_related(trace) if trace else [],
    )


def _steps(event: TraceEvent) -> list[TraceEvent]:
    """The event, or those that it stands for."""
    if event.kind != EventKind.WALKED:
        return [event]
    recipients = [event.recipient] if event.recipient else event.detail.get("Recipients", [])
    return [
        TraceEvent(
            at=event.at,
            kind=kind,
            recipient=own[0] if len(own) == 1 else "",
            detail=detail if len(own) == 1 else {**detail, "Recipients": own},
        )
        for kind, detail, own in unpack(event.detail, recipients)
    ]


def told(event: TraceEvent) -> Told:
    words = tell(event.kind, event.detail, event.recipient, _).in_words(_)
    next_attempt_at = event.detail.get("NextAttemptAt")
    return Told(
        at=event.at,
        kind=event.kind,
        look=look_of_event(event.kind, words),
        explanation=_explanation(event),
        next_attempt_at=datetime.fromisoformat(next_attempt_at) if next_attempt_at else None,
        link_id=event.detail.get("Bounce") or event.detail.get("Message") or "",
    )


def _explanation(event: TraceEvent) -> dict[str, Any] | None:
    """What a decision was made of, as the engine wrote it down."""
    if event.kind == EventKind.REFUSED:
        explanation: dict[str, Any] | None = event.detail.get("Explanation")
        return explanation
    if event.kind in (EventKind.RULE_MATCHED, EventKind.RULE_PASSED_BY):
        return {k: v for k, v in event.detail.items() if k not in ("Rule", "RuleIndex", "Recipients")} or None
    return None


def _waiting(row: SpoolDelivery) -> Waiting:
    kind = row.step.get("kind", "")
    is_pending = row.state == SpoolDelivery.State.PENDING
    return Waiting(
        words=_(kind_in_words(kind)),
        rule_name=row.step.get("rule_name", ""),
        recipients=row.remaining if is_pending else row.step.get("recipients", []),
        look=DELIVERIES[row.state],
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if is_pending else None,
        last_result=row.last_result,
        is_pending=is_pending,
    )


def _related(trace: MessageTrace) -> list[MessageTrace]:
    """Others of the same session: what was refused beside it, and its bounce."""
    others = MessageTrace.objects.filter(session_id=trace.session_id).exclude(pk=trace.pk)
    return list(others.order_by("-id")[:MAX_RELATED])
