"""What a rule set comes to for each recipient."""

import json

import pytest

from core.message import Message
from rulesets.logic.compile import compile_rule_set
from rulesets.logic.delivery import Delivery, FailurePolicy, Step, held_back
from rulesets.logic.walk import MAX_LANES
from tests.rulesets.documents import (
    DROP,
    MAIL,
    add_header,
    bucket,
    envelope,
    mailbox,
    recipient,
    relay,
    rewrite,
    rule,
    rules,
    text,
)

A, B, C, D = "a@y.example", "b@y.example", "c@y.example", "d@y.example"


def plan(*those, to=(A, B, C)):
    return compile_rule_set(rules(*those)).plan(envelope(*to), Message(MAIL))


def steps(made):
    return [(event.step, event.recipients) for event in made.events]


def test_recipients_that_take_the_same_way_share_a_delivery():
    (delivery,) = plan(rule(relay(), name="out")).deliveries
    assert (delivery.kind, delivery.recipients, delivery.origins) == ("Relay", (A, B, C), (A, B, C))
    assert (delivery.rule, delivery.rule_name, delivery.action_index) == (0, "out", 0)
    assert delivery.action == {"Relay": "r-1"}


def test_drop_ends_the_walk_for_whom_it_matched():
    made = plan(rule(DROP, when=recipient(B)), rule(relay()))
    assert made.dropped == (B,)
    assert made.deliveries[0].recipients == (A, C)


def test_drop_ends_the_rule_too():
    assert plan(rule(DROP, relay())).deliveries == ()


def test_nothing_is_asked_when_all_are_dropped():
    assert [step for step, _ in steps(plan(rule(DROP), rule(relay())))] == [Step.RULE_MATCHED, Step.DROPPED]


def test_delivery_does_not_end_the_walk():
    made = plan(rule(mailbox()), rule(bucket()), to=(A,))
    assert [delivery.kind for delivery in made.deliveries] == ["DeliverToMailbox", "WriteToS3"]
    assert [delivery.position for delivery in made.deliveries] == [0, 1]


def test_all_conditions_must_hold_and_no_exception():
    both = [recipient(A, B), text("SUBJECT", "CONTAINS", "ann")]
    made = plan(rule(DROP, when=both, unless=[recipient(B), recipient(C)]))
    assert made.dropped == (A,)


def test_an_added_header_is_for_later_actions_of_the_matched():
    made = plan(rule(bucket(), add_header("X-A", "1"), when=recipient(A)), rule(relay()), to=(A, B))
    stored, with_header, without = made.deliveries
    assert (stored.kind, stored.added_headers) == ("WriteToS3", ())
    assert (with_header.recipients, with_header.added_headers) == ((A,), (("X-A", "1"),))
    assert (without.recipients, without.added_headers) == ((B,), ())


def test_headers_pile_up_in_order():
    made = plan(rule(add_header("X-A", "1"), add_header("X-A", "2"), relay()))
    assert made.deliveries[0].added_headers == (("X-A", "1"), ("X-A", "2"))


def test_an_added_header_is_no_fact_for_later_conditions():
    made = plan(rule(add_header("X-A", "1")), rule(DROP, when=text("X-A", "EQUALS", "1")))
    assert made.dropped == ()


def test_rewriting_replaces_only_the_matched_and_later_rules_see_the_new():
    made = plan(rule(rewrite(D), when=recipient(A)), rule(mailbox(), when=recipient(A, D)), rule(relay()))
    delivered, relayed = made.deliveries
    assert (delivered.recipients, delivered.origins) == ((D,), (A,))
    assert (relayed.recipients, relayed.origins) == ((D, B, C), (A, B, C))


def test_rewriting_into_one_recipient_delivers_once_and_forgets_nobody():
    (delivery,) = plan(rule(rewrite(D), relay())).deliveries
    assert (delivery.recipients, delivery.origins) == ((D,), (A,))
    assert delivery.shared_origins == ((D, B), (D, C))


def test_rewriting_into_a_recipient_that_is_there_delivers_once():
    (delivery,) = plan(
        rule(rewrite("B@y.example", D), when=recipient(A)), rule(relay()), to=(A, B)
    ).deliveries
    assert delivery.recipients == ("B@y.example", D)
    assert delivery.shared_origins == (("B@y.example", B),)


def test_doubles_in_the_document_and_the_envelope_are_one():
    (delivery,) = plan(rule(rewrite(D, "D@Y.example"), relay()), to=(A, A)).deliveries
    assert (delivery.recipients, delivery.origins, delivery.shared_origins) == ((D,), (A,), ())


def test_who_stood_for_a_dropped_and_a_delivered_one_is_both():
    made = plan(rule(rewrite(C, D)), rule(DROP, when=recipient(C)), rule(relay()), to=(A,))
    assert made.dropped == (A,)
    assert made.deliveries[0].origins == (A,)


def test_the_end_without_delivery_is_told():
    made = plan(rule(mailbox(), when=recipient(A)), rule(add_header(), when=recipient(B)))
    assert made.unhandled == (B, C)
    assert steps(made)[-1] == (Step.UNHANDLED, (B, C))


def test_an_empty_rule_set_handles_nobody():
    assert plan().unhandled == (A, B, C)


def test_who_is_passed_by_is_told_with_the_reason():
    made = plan(rule(DROP, when=[recipient(A, B)], unless=recipient(B)))
    passed = {e.recipients: e.detail for e in made.events if e.step is Step.RULE_PASSED_BY}
    assert passed[(B,)] == {
        "Part": "Unless",
        "Index": 0,
        "Attribute": "RECIPIENT",
        "Operator": "EQUALS",
        "Values": [B],
    }
    assert (passed[(C,)]["Part"], passed[(C,)]["Index"]) == ("Conditions", 0)


def test_what_is_told_fits_into_a_trace():
    many = text("SUBJECT", "NOT_EQUALS", *["x" * 4096] * 10)
    made = plan(rule(add_header(), rewrite(D), relay(), DROP, when=many, unless=[many, recipient(A)]))
    told = json.dumps([event.detail for event in made.events])
    assert len(told) < 5000


# --- failure policy -----------------------------------------------------------------------------


def test_later_actions_wait_for_one_whose_failure_ends_things():
    first = bucket(ActionFailurePolicy="DROP")
    made = plan(rule(first, mailbox(), when=recipient(A, B)), rule(relay()), to=(A, B, C))
    stored, delivered, relayed, relayed_freely = made.deliveries
    assert (stored.failure_policy, stored.after) == (FailurePolicy.DROP, ())
    assert delivered.after == (0,)
    assert (relayed.recipients, relayed.after) == ((A, B), (0,))
    assert (relayed_freely.recipients, relayed_freely.after) == ((C,), ())
    assert held_back(relayed, stored, {A}) == {A}
    assert held_back(delivered, stored, set()) == set()


def test_a_failure_holds_back_what_its_recipient_was_rewritten_to():
    made = plan(
        rule(bucket(ActionFailurePolicy="DROP")),
        rule(rewrite(C, D), when=recipient(A)),
        rule(relay()),
        to=(A, B),
    )
    stored, relayed = made.deliveries
    assert held_back(relayed, stored, {A}) == {C, D}
    assert held_back(relayed, stored, {B}) == {B}


def test_a_failure_holds_back_nobody_elses_mail():
    """Both become D; if storing fails A's, B's copy must still go to D."""
    made = plan(rule(bucket(ActionFailurePolicy="DROP")), rule(rewrite(D)), rule(relay()), to=(A, B))
    stored, *relayed = made.deliveries
    assert [delivery.recipients for delivery in relayed] == [(D,), (D,)]
    assert [held_back(delivery, stored, {A}) for delivery in relayed] == [{D}, set()]


def test_a_delivery_survives_the_spool():
    for delivery in plan(
        rule(add_header(), rewrite(D), bucket(ActionFailurePolicy="DROP"), relay())
    ).deliveries:
        assert Delivery.from_document(json.loads(json.dumps(delivery.to_document()))) == delivery


# --- faults -------------------------------------------------------------------------------------

BROKEN = [
    {"Actions": [{"Archive": {"TargetArchive": "a-1"}}]},
    {"Actions": [relay()], "Conditions": [{"DmarcExpression": {"Operator": "EQUALS", "Values": ["NONE"]}}]},
    {"Actions": [relay()], "Conditions": [text("FROM", "RESEMBLES", "a")]},
    {"Actions": [{"AddHeader": {}}]},
    {"Actions": [{"ReplaceRecipient": {"ReplaceWith": []}}]},
    {},
    {"Actions": 7},
    "not a rule",
]


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_a_broken_rule_is_passed_by_and_told(broken):
    made = plan(broken, rule(relay()))
    assert made.deliveries[0].recipients == (A, B, C)
    assert made.failed == ()
    assert steps(made)[0] == (Step.RULE_FAILED, (A, B, C))


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_nobody_whom_a_broken_rule_failed_is_dropped_or_forgotten(broken):
    made = plan(rule(DROP, when=recipient(A)), broken, rule(mailbox(), when=recipient(B)), rule(DROP))
    assert made.dropped == (A, B)
    assert made.failed == (C,)
    assert made.unhandled == ()


def test_rewriting_does_not_grow_without_end():
    hundred = [f"u{i}@y.example" for i in range(100)]
    parts = [rule(add_header("X-A", str(i)), when=recipient(hundred[i])) for i in range(20)]
    made = plan(*(step for part in parts for step in (rule(rewrite(*hundred)), part)), to=hundred)
    assert Step.RULE_FAILED in {event.step for event in made.events}
    assert max(len(event.recipients) for event in made.events) <= MAX_LANES
    assert set(made.failed) | set(made.unhandled) == set(hundred)


def test_the_largest_rewriting_is_done():
    hundred = [f"u{i}@y.example" for i in range(100)]
    others = [f"v{i}@y.example" for i in range(100)]
    (delivery,) = plan(rule(rewrite(*others)), rule(relay()), to=hundred).deliveries
    assert delivery.recipients == tuple(others)
    assert len(delivery.shared_origins) == 99 * 100
