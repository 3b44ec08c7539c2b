"""The pure decisions: when to try again, what attempts come to, what a recipient is told."""

from datetime import UTC, datetime, timedelta

import pytest

from mailflow.actions.contract import Finish, Result
from mailflow.logic import progress
from mailflow.logic.progress import DeliveryState, EndingKind
from mailflow.logic.retry import RetrySchedule
from mailflow.logic.story import EventKind, tell
from mailflow.logic.text import fit, fit_document
from rulesets.logic.delivery import Delivery, FailurePolicy

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SCHEDULE = RetrySchedule()


def state(position, kind, *recipients, origins=(), **fields):
    delivery = Delivery(
        position=position,
        rule=0,
        rule_name="all",
        action_index=position,
        kind=kind,
        action={},
        recipients=recipients,
        origins=origins or recipients,
        **fields,
    )
    return DeliveryState.at_first(delivery, NOW)


def attempted(before, *results, now=NOW, schedule=SCHEDULE):
    answers = [Result(recipient, Finish(finish), "said", "") for recipient, finish in results]
    return progress.after_attempt(before, answers, now=now, schedule=schedule)


# --- retries --------------------------------------------------------------------------------------


def test_waits_double_up_to_the_longest():
    minutes = [SCHEDULE.delay(attempt) / timedelta(minutes=1) for attempt in range(1, 9)]
    assert minutes == [5, 10, 20, 40, 80, 160, 240, 240]
    assert SCHEDULE.delay(10_000) == timedelta(hours=4)


def test_two_attempts_fall_into_the_first_hour_and_the_last_on_the_fifth_day():
    at, attempt, times = NOW, 1, [NOW]
    while next_at := SCHEDULE.next_attempt_at(first_attempt_at=NOW, attempt=attempt, now=at):
        at, attempt = next_at, attempt + 1
        times.append(at)
    assert len([time for time in times if time - NOW <= timedelta(hours=1)]) >= 2
    assert times[-1] == NOW + timedelta(days=5)
    assert len(times) < 50


def test_attempts_count_from_one():
    with pytest.raises(ValueError, match="from 1"):
        SCHEDULE.delay(0)


# --- attempts -------------------------------------------------------------------------------------


def test_what_was_done_is_not_tried_again():
    once = attempted(state(0, "Relay", "a@x", "b@x"), ("a@x", "DONE"), ("b@x", "TEMPORARY"))
    assert once.remaining == ("b@x",)
    again = attempted(once, ("a@x", "PERMANENT"), ("b@x", "DONE"))
    assert again.is_over
    assert again.endings["a@x"].kind is EndingKind.DONE


def test_a_temporary_failure_is_permanent_when_the_time_is_over():
    before = attempted(state(0, "Relay", "a@x"), ("a@x", "TEMPORARY"))
    late = attempted(before, ("a@x", "TEMPORARY"), now=NOW + timedelta(days=5))
    assert late.endings["a@x"].status == progress.GAVE_UP_STATUS


def test_a_delivery_waits_for_the_one_that_may_hold_it_back():
    first = state(0, "Relay", "a@x", failure_policy=FailurePolicy.DROP)
    second = state(1, "WriteToS3", "a@x", after=(0,))
    states = {0: first, 1: second}
    assert progress.ready(states, NOW) == [first]
    states[0] = attempted(first, ("a@x", "DONE"))
    assert progress.ready(states, NOW) == [second]
    assert progress.next_attempt_at(states) == NOW


def test_a_failure_with_policy_drop_cancels_what_waits_and_what_waits_for_that():
    states = {
        0: attempted(state(0, "Relay", "a@x", failure_policy=FailurePolicy.DROP), ("a@x", "PERMANENT")),
        1: state(1, "WriteToS3", "a@x", after=(0,), failure_policy=FailurePolicy.DROP),
        2: state(2, "DeliverToMailbox", "a@x", after=(0, 1)),
    }
    states = progress.without_the_held_back(states)
    assert [one.is_cancelled for one in states.values()] == [False, True, True]
    assert progress.next_attempt_at(states) is None


# --- outcomes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endings", "is_reached"),
    [
        ([("Relay", "DONE")], True),
        ([("Relay", "PERMANENT")], False),
        ([("WriteToS3", "DONE")], True),
        ([("WriteToS3", "PERMANENT")], False),
        ([("WriteToS3", "PERMANENT"), ("Relay", "DONE")], True),
        ([("WriteToS3", "DONE"), ("Relay", "PERMANENT")], False),
        ([("Relay", "PERMANENT"), ("DeliverToMailbox", "DONE")], True),
        ([("WriteToS3", "DONE"), ("WriteToS3", "PERMANENT")], True),
    ],
)
def test_whether_mail_reached_its_recipient(endings, is_reached):
    states = {
        position: attempted(state(position, kind, "a@x"), ("a@x", finish))
        for position, (kind, finish) in enumerate(endings)
    }
    (failure,) = progress.outcomes(states).values()
    assert (failure is None) is is_reached


def test_a_recipient_is_told_when_its_own_deliveries_are_over():
    states = {
        0: attempted(state(0, "Relay", "a@x", "b@x"), ("a@x", "PERMANENT"), ("b@x", "TEMPORARY")),
    }
    assert list(progress.outcomes(states)) == ["a@x"]


def test_outcomes_are_those_of_the_paths_that_the_sender_wrote():
    rewritten = state(0, "Relay", "new@y", origins=("a@x",), shared_origins=(("new@y", "b@x"),))
    found = progress.outcomes({0: attempted(rewritten, ("new@y", "PERMANENT"))})
    assert {path: failure and failure.recipient for path, failure in found.items()} == {
        "a@x": "new@y",
        "b@x": "new@y",
    }


def test_a_walk_that_came_to_a_plan_is_no_delivery():
    walked = attempted(state(0, progress.WALK, "a@x"), ("a@x", "DONE"))
    assert progress.outcomes({0: walked}) == {}
    assert progress.outcomes({0: walked, 1: state(1, "Relay", "a@x")}) == {}


# --- words ----------------------------------------------------------------------------------------


def test_every_kind_of_event_can_be_told_with_nothing_known_of_it():
    for kind in EventKind:
        assert tell(kind, {}).in_words()


def test_a_kind_of_a_later_version_is_told_by_its_name():
    assert tell("QUARANTINED", {}).in_words() == "QUARANTINED"


def test_percent_signs_in_words_from_outside_are_harmless():
    sentence = tell("DONE", {"Kind": "Relay", "Words": "100%(x)s %d"}, "a%s@x")
    assert sentence.in_words() == "Relaying done for a%s@x: 100%(x)s %d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\x00b\r\n\tc", "a b c"),
        ("half \ud83d", "half"),
        ("", ""),
        (" x ", "x"),
        ("y" * 30, "y" * 19 + "…"),
        ("ü日本", "ü日本"),
    ],
)
def test_text_is_made_fit(text, expected):
    assert fit(text, 20) == expected


def test_documents_are_made_fit_all_through():
    assert fit_document({"a\x00": ["b\x00", {"c": (1, None, True)}], "d": NOW}) == {
        "a": ["b", {"c": [1, None, True]}],
        "d": str(NOW),
    }
