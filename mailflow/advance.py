"""What attempts make of a message: its deliveries' new states, its story, and the bounce that follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings

from mailflow import lease
from mailflow.actions.contract import Result
from mailflow.bounce import Bounce, bounce
from mailflow.logic import progress
from mailflow.logic.progress import GAVE_UP_STATUS, WALK, DeliveryState, Ending, EndingKind
from mailflow.logic.retry import RetrySchedule
from mailflow.logic.story import EventKind
from mailflow.models import Outcome
from mailflow.planning import Walked
from mailflow.trace import Event, Story
from mailflow.work import Work, is_over


def retry_schedule() -> RetrySchedule:
    return RetrySchedule(
        first=timedelta(seconds=settings.RETRY_FIRST_SECONDS),
        longest=timedelta(seconds=settings.RETRY_LONGEST_SECONDS),
        give_up_after=timedelta(seconds=settings.RETRY_FOR_SECONDS),
    )


@dataclass(frozen=True, slots=True)
class PutOff:
    """Nothing was tried, and shall not be until then."""

    words: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt that is over. `walked`: what came of it, where it was of kind Walk."""

    work: Work
    position: int
    results: Sequence[Result]
    walked: Walked | None = None
    put_off: PutOff | None = None


@dataclass(slots=True)
class Advance:
    """A message before and after some attempts, and what is to be told of it. `is_stored`: what was before
    has rows."""

    work: Work
    before: dict[int, DeliveryState]
    after: dict[int, DeliveryState]
    story: Story
    is_stored: bool
    bounce: Bounce | None = None
    hold_reason: str = ""


def advance_by(
    work: Work,
    before: dict[int, DeliveryState],
    attempts: Sequence[Attempted],
    now: datetime,
    *,
    is_stored: bool = True,
) -> Advance:
    schedule = retry_schedule()
    advance = Advance(work, before, dict(before), Story(work.message_id), is_stored)
    for attempt in attempts:
        old = before.get(attempt.position)
        if old is None:  # another took the message over, and planned it otherwise or is done with it
            continue
        if attempt.put_off is not None:
            advance.after[attempt.position] = replace(
                old, next_attempt_at=attempt.put_off.until, last_result=attempt.put_off.words
            )
            advance.story.events.append(_put_off_event(old, attempt.put_off, now))
            continue
        new = progress.after_attempt(old, attempt.results, now=now, schedule=schedule)
        if old.delivery.kind == WALK and not work.envelope.reverse_path:
            new = _held_if_given_up(advance, old, new)
        advance.after[attempt.position] = new
        advance.story.events += _attempt_events(old, new, attempt, now)
        if attempt.walked:
            advance.after |= {state.delivery.position: state for state in attempt.walked.states}
            advance.story.events += attempt.walked.events
            advance.story.recipient_outcomes |= attempt.walked.outcomes
    held_back = progress.without_the_held_back(advance.after)
    advance.story.events += _cancel_events(advance.after, held_back, now)
    advance.after = held_back
    _conclude(advance, now)
    advance.story.is_over = is_over(advance.after) or bool(advance.hold_reason)
    return advance


def _held_if_given_up(advance: Advance, old: DeliveryState, new: DeliveryState) -> DeliveryState:
    """A fault of ours kept the rules from being walked, and there is no sender to tell: a person must see
    to it. Nothing is given up; asked to try again, it begins anew."""
    given_up = [e for e in new.endings.values() if e.status == GAVE_UP_STATUS]
    if not given_up:
        return new
    advance.hold_reason = given_up[0].words or "the rule set could not be walked"
    return replace(
        old,
        next_attempt_at=lease.NEVER,
        attempts=new.attempts,
        first_attempt_at=None,
        last_result=given_up[0].words,
    )


def _conclude(advance: Advance, now: datetime) -> None:
    """Outcomes of the forward-paths that are over since, and the bounce for those that were not reached."""
    before = progress.outcomes(advance.before)
    ended = {
        path: failure for path, failure in progress.outcomes(advance.after).items() if path not in before
    }
    story, work = advance.story, advance.work
    story.recipient_outcomes |= {
        path: Outcome.DELIVERED for path, failure in ended.items() if failure is None
    }
    failures = [failure for failure in ended.values() if failure is not None]
    paths = [failure.forward_path for failure in failures]
    if advance.hold_reason:
        held = [
            path
            for state in advance.after.values()
            for path in state.remaining
            if state.delivery.kind == WALK
        ]
        story.recipient_outcomes |= dict.fromkeys(held, Outcome.HELD)
        key = f"held.{now.timestamp():.0f}"
        story.events.append(Event(key, EventKind.HELD, now, {"Reason": advance.hold_reason}, held))
    if not failures:
        return
    if work.envelope.reverse_path:
        advance.bounce = bounce(work, failures, now)
        detail = {"Bounce": advance.bounce.envelope.message_id, "Sender": work.envelope.reverse_path}
        story.events.append(Event(_end_key("bounce", paths), EventKind.BOUNCE_SENT, now, detail, paths))
        story.recipient_outcomes |= dict.fromkeys(paths, Outcome.BOUNCED)
    else:
        story.events.append(Event(_end_key("end", paths), EventKind.NOT_RETURNED, now, {}, paths))
        story.recipient_outcomes |= dict.fromkeys(paths, Outcome.FAILED)


def _end_key(prefix: str, paths: Sequence[str]) -> str:
    """A forward-path ends once, so that the first of them names the event for good."""
    return f"{prefix}.{uuid5(NAMESPACE_URL, paths[0]).hex}"


def _attempt_events(old: DeliveryState, new: DeliveryState, attempt: Attempted, now: datetime) -> list[Event]:
    """One for each thing that was said, of all recipients that it was said of."""
    said: dict[tuple[EventKind, str, str, str], list[str]] = {}
    for result in attempt.results:
        ending = new.endings.get(result.recipient)
        saying = (_kind(ending), result.words, result.status, result.remote)
        said.setdefault(saying, []).append(result.recipient)
    delivery = old.delivery
    is_plain_walk = delivery.kind == WALK
    events = []
    for number, ((kind, words, status, remote), recipients) in enumerate(said.items()):
        if is_plain_walk and kind is EventKind.DONE:
            continue  # the walk tells of itself
        detail = {
            "Kind": delivery.kind,
            "Position": delivery.position,
            "Rule": delivery.rule_name,
            "Attempt": new.attempts,
            "Words": words,
            "Status": status,
            "Remote": remote,
        }
        if kind is EventKind.DELAYED:
            detail["NextAttemptAt"] = new.next_attempt_at.isoformat()
        key = f"delivery.{delivery.position}.{new.attempts}.{number}"
        events.append(Event(key, kind, now, detail, recipients))
    return events


def _put_off_event(state: DeliveryState, put_off: PutOff, now: datetime) -> Event:
    """Told once before each attempt, however often it is put off."""
    delivery = state.delivery
    detail = {
        "Kind": delivery.kind,
        "Position": delivery.position,
        "Rule": delivery.rule_name,
        "Attempt": state.attempts,
        "Words": put_off.words,
        "NextAttemptAt": put_off.until.isoformat(),
    }
    key = f"delivery.{delivery.position}.{state.attempts}.put_off"
    return Event(key, EventKind.DELAYED, now, detail, state.remaining)


def _kind(ending: Ending | None) -> EventKind:
    if ending is None:
        return EventKind.DELAYED
    if ending.kind is EndingKind.DONE:
        return EventKind.DONE
    return EventKind.GAVE_UP if ending.status == GAVE_UP_STATUS else EventKind.FAILED


def _cancel_events(
    before: dict[int, DeliveryState], after: dict[int, DeliveryState], now: datetime
) -> list[Event]:
    events = []
    for position, state in after.items():
        lost = [r for r in before[position].remaining if r not in state.remaining]
        if lost:
            detail = {"Kind": state.delivery.kind, "Position": position, "Rule": state.delivery.rule_name}
            key = f"delivery.{position}.cancelled.{len(state.endings)}"
            events.append(Event(key, EventKind.CANCELLED, now, detail, lost))
    return events
