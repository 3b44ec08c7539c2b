"""What a rule set's rules may not be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesets.logic.check import MAX_PROBLEMS, Limits, check_document
from rulesets.logic.compile import ACTION_KINDS, compile_rule_set
from tests.rulesets.documents import (
    DROP,
    LOCAL_ROLE,
    add_header,
    bucket,
    certificate,
    ip,
    mailbox,
    recipient,
    relay,
    rewrite,
    rule,
    size,
    text,
    tls,
)

WHOLE = [
    rule(
        DROP,
        add_header(),
        rewrite("a@b.example", "c@d.example"),
        relay(MailFrom="PRESERVE", ActionFailurePolicy="DROP"),
        mailbox(),
        bucket(S3Prefix="in/2026", ActionFailurePolicy="CONTINUE"),
        when=[recipient("a@b.example"), text("X-A", "EQUALS", "b"), size("LESS_THAN", 10), tls()],
        unless=[
            ip("192.0.2.0/24", "2001:db8::/32"),
            text("SUBJECT", "CONTAINS", "a", "b"),
            certificate("SAN_DNS_NAME", "ENDS_WITH", ".x.example"),
        ],
        name="all-of-it",
    ),
    {"Actions": [DROP]},
]

SNS = {"PublishToSns": {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "RoleArn": LOCAL_ROLE}}
VERDICT = {"VerdictExpression": {"Evaluate": {"Attribute": "SPF"}, "Operator": "EQUALS", "Values": ["PASS"]}}
IN_LIST = {
    "BooleanExpression": {
        "Evaluate": {"IsInAddressList": {"Attribute": "SUBJECT", "AddressLists": ["al-1"]}},
        "Operator": "IS_TRUE",
    }
}
WRAPPED = {"BooleanExpression": {"Evaluate": {"Attribute": "TLS_WRAPPED"}, "Operator": "IS_TRUE"}}
CERTIFICATE = {
    "StringExpression": {
        "Evaluate": {"ClientCertificateAttribute": "STREET"},
        "Operator": "EQUALS",
        "Values": ["a"],
    }
}

WRONG = {
    "Rules[0].Actions": {"Name": "a"},
    "Rules[0].Name": rule(DROP, name="two words"),
    "Rules[0].Actions[0].Archive": {"Actions": [{"Archive": {"TargetArchive": "a-1"}}]},
    "Rules[0].Actions[0].PublishToSns": {"Actions": [SNS]},
    "Rules[0].Actions[0].Explode": {"Actions": [{"Explode": {}}]},
    "Rules[0].Actions[0]": {"Actions": [{"Drop": {}, "Relay": {"Relay": "r-1"}}]},
    "Rules[0].Actions[0].Drop.Quietly": {"Actions": [{"Drop": {"Quietly": True}}]},
    "Rules[0].Actions[0].Relay.MailFrom": rule(relay(MailFrom="REPLACE")),
    "Rules[0].Actions[0].Relay.Relay": rule({"Relay": {}}),
    "Rules[0].Actions[0].DeliverToMailbox.RoleArn": rule({"DeliverToMailbox": {"MailboxArn": "a"}}),
    "Rules[0].Actions[0].WriteToS3.S3Prefix": rule(bucket(S3Prefix="a/../b")),
    "Rules[0].Actions[0].WriteToS3.S3Bucket": rule(bucket("..")),
    "Rules[0].Actions[0].WriteToS3.S3SseKmsKeyId": rule(bucket(S3SseKmsKeyId="k" * 20)),
    "Rules[0].Actions[0].AddHeader.HeaderName": rule(add_header("Subject")),
    "Rules[0].Actions[0].AddHeader.HeaderValue": rule(add_header("X-A", "a\r\nBcc: b@c.example")),
    "Rules[0].Actions[0].ReplaceRecipient.ReplaceWith": rule({"ReplaceRecipient": {}}),
    "Rules[0].Actions[0].ReplaceRecipient.ReplaceWith[1]": rule(rewrite("a@b.example", "a@b..example")),
    "Rules[0].Conditions[0].VerdictExpression": rule(DROP, when=VERDICT),
    "Rules[0].Conditions[0].DmarcExpression": rule(
        DROP, when={"DmarcExpression": {"Operator": "EQUALS", "Values": ["NONE"]}}
    ),
    "Rules[0].Conditions[0].BooleanExpression.Evaluate.IsInAddressList.Attribute": rule(DROP, when=IN_LIST),
    "Rules[0].Conditions[0].BooleanExpression.Evaluate.Attribute": rule(DROP, when=WRAPPED),
    "Rules[0].Unless[0].StringExpression.Evaluate.ClientCertificateAttribute": rule(DROP, unless=CERTIFICATE),
    "Rules[0].Unless[0].IpExpression.Values[1]": rule(DROP, unless=ip("192.0.2.0/24", "192.0.2.1/24")),
    "Rules[0].Conditions[0].StringExpression.Values[0]": rule(
        DROP, when=recipient("a@b.example,c@d.example")
    ),
    "Rules[0].Conditions[0].StringExpression.Values": rule(DROP, when=recipient()),
    "Rules[0].Conditions[0].StringExpression.Evaluate.MimeHeaderAttribute": rule(
        DROP, when=text("X-", "EQUALS", "a")
    ),
    "Rules[0].Conditions[0].NumberExpression.Value": rule(DROP, when=size("EQUALS", -1)),
    "Rules[0].Conditions": rule(DROP, when=[tls()] * 11),
}


def test_a_whole_document_is_fine_and_compiles():
    assert check_document(WHOLE) == []
    assert compile_rule_set({"Rules": WHOLE})


def test_every_built_action_can_be_checked():
    assert {kind for action in WHOLE[0]["Actions"] for kind in action} == set(ACTION_KINDS)


def test_no_rules_are_fine():
    assert check_document([]) == []


@pytest.mark.parametrize("path", WRONG)
def test_what_is_wrong_is_named_by_its_path(path):
    assert path in {problem.path for problem in check_document([WRONG[path]])}


def test_the_path_counts_rules_and_actions():
    (problem,) = check_document([*WHOLE, rule(DROP, relay(MailFrom="REPLACE"))])
    assert problem.path == "Rules[2].Actions[1].Relay.MailFrom"


def test_actions_that_are_not_built_are_refused_by_name():
    messages = [problem.message for problem in check_document([{"Actions": [SNS]}])]
    assert any("PublishToSns" in message for message in messages)


def test_more_rules_than_allowed_are_refused():
    many = [rule(DROP)] * 41
    assert check_document(many, Limits(41)) == []
    (problem,) = check_document(many, Limits(40))
    assert (problem.path, "40" in problem.message) == ("Rules", True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_size_that_is_no_number_is_refused(value):
    assert check_document([rule(DROP, when=size("LESS_THAN", value))])


def test_problems_are_bounded():
    assert len(check_document([7] * 10_000)) == MAX_PROBLEMS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Name",
                    "Conditions",
                    "Unless",
                    "Actions",
                    "Drop",
                    "Relay",
                    "AddHeader",
                    "ReplaceRecipient",
                    "ReplaceWith",
                    "WriteToS3",
                    "StringExpression",
                    "Evaluate",
                    "Attribute",
                    "Operator",
                    "Values",
                    "x",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_checked_and_what_is_fine_compiles(document):
    if check_document(document) == []:
        compile_rule_set({"Rules": document})


@given(st.lists(json_values, max_size=3))
def test_any_json_in_a_list_is_checked(document):
    json.dumps([str(problem) for problem in check_document(document)])
