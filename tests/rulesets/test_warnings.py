"""What is pointed out in rules that may be saved all the same."""

import pytest

from rulesets.logic.references import Target, named_in, references_in
from rulesets.logic.warnings import Doubt, Warning, warnings_in
from tests.rulesets.documents import (
    DROP,
    LOCAL_ROLE,
    add_header,
    bucket,
    mailbox,
    recipient,
    relay,
    rewrite,
    rule,
    tls,
)

CERTAIN = [
    [rule(relay())],
    [rule(add_header(), mailbox())],
    [rule(mailbox(), when=tls()), rule(DROP)],
    [rule(rewrite("a@b.example"), bucket())],
]
UNCERTAIN = [
    [rule(relay(), when=tls())],
    [rule(relay(), unless=tls())],
    [rule(add_header())],
    [rule(rewrite("a@b.example"))],
    [rule(DROP, when=tls()), rule(mailbox(), when=recipient("a@b.example"))],
]


def doubts(rules):
    return [warning.doubt for warning in warnings_in(rules)]


@pytest.mark.parametrize("rules", CERTAIN, ids=repr)
def test_rules_that_handle_everyone_are_fine(rules):
    assert doubts(rules) == []


@pytest.mark.parametrize("rules", UNCERTAIN, ids=repr)
def test_rules_that_may_leave_somebody_out_are_pointed_out(rules):
    assert doubts(rules) == [Doubt.CAN_END_UNHANDLED]


def test_no_rules_are_pointed_out():
    assert doubts([]) == [Doubt.EMPTY]


def test_rules_behind_a_drop_of_everything_are_pointed_out():
    assert warnings_in([rule(DROP), rule(relay())]) == [Warning("Rules[1]", Doubt.NEVER_REACHED, "1")]
    assert doubts([rule(DROP, when=tls()), rule(relay())]) == []


def test_actions_behind_a_drop_are_pointed_out():
    assert warnings_in([rule(DROP, relay())]) == [Warning("Rules[0].Actions[1]", Doubt.AFTER_DROP)]


def test_names_that_are_not_known_are_pointed_out_where_they_stand():
    asked = []

    def is_known(target, name):
        asked.append((target, name))
        return target is Target.ROLE

    found = warnings_in([rule(mailbox("staff"), bucket("mail"), mailbox("staff"))], is_known)
    assert [(warning.doubt, warning.name, warning.path) for warning in found] == [
        (Doubt.UNKNOWN_MAILBOX, "staff", "Rules[0].Actions[0].DeliverToMailbox.MailboxArn"),
        (Doubt.UNKNOWN_BUCKET, "mail", "Rules[0].Actions[1].WriteToS3.S3Bucket"),
        (Doubt.UNKNOWN_MAILBOX, "staff", "Rules[0].Actions[2].DeliverToMailbox.MailboxArn"),
    ]
    assert len(asked) == len(set(asked)) == 3


def test_relays_are_referred_to_once_in_order():
    rules = [rule(relay("r-2"), relay("r-1")), rule(DROP), rule(relay("r-2"), mailbox())]
    assert references_in(rules) == ("r-2", "r-1")


def test_everything_named_has_its_path():
    named = [(n.path, n.target, n.name) for n in named_in([rule(DROP), rule(mailbox("staff"))])]
    assert named == [
        ("Rules[1].Actions[0].DeliverToMailbox.MailboxArn", Target.MAILBOX, "staff"),
        ("Rules[1].Actions[0].DeliverToMailbox.RoleArn", Target.ROLE, LOCAL_ROLE),
    ]
