"""What the results of attempts make of a message's deliveries, and what became of each recipient.

    PENDING ──results──▶ DONE | FAILED | CANCELLED, for each recipient of each delivery by itself

A delivery is over when none of its recipients is left; a forward-path is over when every delivery
that stands for it is. What was DONE once is never attempted again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from mailflow.actions.contract import Finish, Result
from mailflow.logic.retry import RetrySchedule
from rulesets.logic.delivery import Delivery, FailurePolicy, held_back

# Actions that bring the mail to the recipient; the others keep a copy somewhere.
DELIVERING_KINDS = frozenset({"Relay", "DeliverToMailbox", "Send", "Dsn"})

# A delivery that stands for walking the rule set (again), for those whose walk failed by a fault of ours.
WALK = "Walk"

GAVE_UP_STATUS = "4.4.7"  # delivery time expired (RFC 3463 §3.5)
FAILED_STATUS = "5.0.0"


class EndingKind(StrEnum):
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"  # an action before it failed, with the policy DROP


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery ended for one recipient; `words`, `status` and `remote` as in Result."""

    kind: EndingKind
    words: str = ""
    status: str = ""
    remote: str = ""

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "words": self.words, "status": self.status, "remote": self.remote}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "kind": EndingKind(document["kind"])})


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """A delivery under way. `endings` has the recipients that are no longer in `remaining`."""

    delivery: Delivery
    remaining: tuple[str, ...]
    next_attempt_at: datetime
    endings: Mapping[str, Ending] = field(default_factory=dict)
    attempts: int = 0
    first_attempt_at: datetime | None = None
    last_result: str = ""

    @classmethod
    def at_first(cls, delivery: Delivery, now: datetime) -> Self:
        remaining = tuple(dict.fromkeys(delivery.recipients))
        return cls(delivery=delivery, remaining=remaining, next_attempt_at=now)

    @property
    def is_over(self) -> bool:
        return not self.remaining

    @property
    def is_failed(self) -> bool:
        return any(ending.kind is EndingKind.FAILED for ending in self.endings.values())

    @property
    def is_cancelled(self) -> bool:
        """For every recipient: nothing of it was done or tried to the end."""
        return self.is_over and all(e.kind is EndingKind.CANCELLED for e in self.endings.values())


States = Mapping[int, DeliveryState]  # by position in the plan


def ready(states: States, now: datetime) -> list[DeliveryState]:
    """Deliveries to attempt now: due, and not waiting for another."""
    return [
        state
        for state in states.values()
        if not state.is_over and state.next_attempt_at <= now and not _is_waiting(states, state)
    ]


def next_attempt_at(states: States) -> datetime | None:
    """When something is due again; None: everything is over."""
    return min(
        (s.next_attempt_at for s in states.values() if not s.is_over and not _is_waiting(states, s)),
        default=None,
    )


def _is_waiting(states: States, state: DeliveryState) -> bool:
    return any(not states[position].is_over for position in state.delivery.after if position in states)


def after_attempt(
    state: DeliveryState, results: Iterable[Result], *, now: datetime, schedule: RetrySchedule
) -> DeliveryState:
    """`state` after one more attempt. A recipient without a result is still to be done."""
    attempt = state.attempts + 1
    first_attempt_at = state.first_attempt_at or now
    again_at = schedule.next_attempt_at(first_attempt_at=first_attempt_at, attempt=attempt, now=now)
    endings, words = dict(state.endings), state.last_result
    for result in results:
        words = result.words
        if result.recipient not in state.remaining:
            continue
        if result.finish is Finish.DONE:
            endings[result.recipient] = Ending(EndingKind.DONE, result.words, result.status, result.remote)
        elif result.finish is Finish.PERMANENT:
            status = result.status or FAILED_STATUS
            endings[result.recipient] = Ending(EndingKind.FAILED, result.words, status, result.remote)
        elif again_at is None:
            endings[result.recipient] = Ending(EndingKind.FAILED, result.words, GAVE_UP_STATUS, result.remote)
    return replace(
        state,
        remaining=tuple(recipient for recipient in state.remaining if recipient not in endings),
        endings=endings,
        attempts=attempt,
        first_attempt_at=first_attempt_at,
        next_attempt_at=again_at or now,
        last_result=words,
    )


def without_the_held_back(states: States) -> dict[int, DeliveryState]:
    """Cancel what waits for an action with the policy DROP, for the recipients that it failed."""
    new = dict(states)
    if not any(state.delivery.after for state in states.values()):
        return new
    for position in sorted(new):
        state = new[position]
        lost: set[str] = set()
        for before in (new[number] for number in state.delivery.after if number in new):
            if before.delivery.failure_policy is FailurePolicy.DROP:
                failed = {r for r, ending in before.endings.items() if ending.kind is not EndingKind.DONE}
                lost |= held_back(state.delivery, before.delivery, failed) & set(state.remaining)
        if lost:
            new[position] = replace(
                state,
                remaining=tuple(recipient for recipient in state.remaining if recipient not in lost),
                endings={**state.endings, **dict.fromkeys(lost, Ending(EndingKind.CANCELLED))},
            )
    return new


def forward_paths_of(delivery: Delivery) -> list[tuple[str, str]]:
    """(recipient, forward-path that it stands for), all of them."""
    return [*zip(delivery.recipients, delivery.origins, strict=True), *delivery.shared_origins]


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient that the mail did not reach, as its sender is told."""

    forward_path: str  # as the sender wrote it
    recipient: str  # as the action had it
    ending: Ending


def outcomes(states: States) -> dict[str, Failure | None]:
    """For each forward-path that is over: None where the mail reached it, else why it did not.

    Reached: an action that delivers was done; or none that delivers failed, and a copy was stored.
    So a relay that gave up is told to the sender even where a bucket has a copy, and a bucket that
    failed is not where the mailbox has the mail.
    """
    parts: dict[str, list[tuple[str, str, Ending | None]]] = {}
    for state in states.values():
        for recipient, origin in forward_paths_of(state.delivery):
            ending = state.endings.get(recipient)
            if state.delivery.kind == WALK and ending is not None and ending.kind is EndingKind.DONE:
                continue  # what it came to are other deliveries, or none
            parts.setdefault(origin, []).append((state.delivery.kind, recipient, ending))
    found = {}
    for origin, all_parts in parts.items():
        ended = [(kind, recipient, ending) for kind, recipient, ending in all_parts if ending is not None]
        if len(ended) == len(all_parts):
            found[origin] = _failure(origin, ended)
    return found


def _failure(origin: str, parts: Sequence[tuple[str, str, Ending]]) -> Failure | None:
    done_kinds = {kind for kind, _, ending in parts if ending.kind is EndingKind.DONE}
    failures = [
        (kind in DELIVERING_KINDS, Failure(origin, recipient, ending))
        for kind, recipient, ending in parts
        if ending.kind is not EndingKind.DONE
    ]
    if done_kinds & DELIVERING_KINDS or not failures:
        return None
    # What delivers first, and what failed before what was left out because of it.
    failures.sort(key=lambda one: (not one[0], one[1].ending.kind is not EndingKind.FAILED))
    is_delivering, failure = failures[0]
    return None if done_kinds and not is_delivering else failure
