"""The evaluator against the published semantics: who, what, on what, under which conditions.

Source: IAM User Guide, “Policy evaluation logic”, “JSON policy elements”, “Condition operators”,
“Conditions with multiple context keys or values”, “Variables and tags”.
"""

import pytest

from access.logic.policy_document import PolicyKind, parse
from access.logic.policy_evaluation import Mismatch, Principal, Reason, Request, evaluate
from access.logic.policy_text import make_context

SES = {"Service": "ses.amazonaws.com"}
ACCOUNT = "123456789012"
ENDPOINT = "arn:aws:ses:us-east-1:123456789012:mailmanager-ingress-point/inp-1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:smtp-AbCdEf"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def ask(*statements, principal=("Service", "ses.amazonaws.com"), action="secretsmanager:GetSecretValue",
        resource=SECRET, version="2012-10-17", **context):  # fmt: skip
    document = {"Statement": list(statements)} | ({"Version": version} if version else {})
    keys = {key.replace("__", ":"): value for key, value in context.items()}
    request = Request(Principal(*principal), action, resource, make_context(keys))
    return evaluate(parse(document, PolicyKind.RESOURCE), request)


def allow(**elements):
    return {
        "Effect": "Allow",
        "Principal": SES,
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    } | elements


def deny(**elements):
    return allow(**elements) | {"Effect": "Deny"}


# --- allow, deny, nobody --------------------------------------------------------------------------

EFFECTS = [
    ("an allow allows", [allow()], True),
    ("a deny alone denies", [deny()], False),
    ("a deny after an allow wins", [allow(), deny()], False),
    ("a deny before an allow wins", [deny(), allow()], False),
    (
        "a deny of another action does not count",
        [allow(), deny(Action="secretsmanager:PutSecretValue")],
        True,
    ),
    ("an allow of another action does not count", [allow(Action="secretsmanager:PutSecretValue")], False),
    ("the second allow counts", [allow(Action="kms:Decrypt"), allow()], True),
    (
        "a deny whose condition fails does not count",
        [allow(), deny(Condition={"Bool": {"aws:SecureTransport": "false"}})],
        True,
    ),
]


@pytest.mark.parametrize(("name", "statements", "expected"), EFFECTS, ids=[case[0] for case in EFFECTS])
def test_an_explicit_deny_wins_then_an_allow_then_no(name, statements, expected):
    assert ask(*statements).is_allowed is expected


# --- principals -----------------------------------------------------------------------------------

SERVICE, PERSON = ("Service", "ses.amazonaws.com"), ("AWS", ALICE)
PRINCIPALS = [
    (SES, SERVICE, True),
    ({"Service": "kms.amazonaws.com"}, SERVICE, False),
    ({"Service": ["kms.amazonaws.com", "ses.amazonaws.com"]}, SERVICE, True),
    ({"Service": "SES.amazonaws.com"}, SERVICE, False),
    ("*", SERVICE, True),
    ("*", PERSON, True),
    ({"AWS": "*"}, PERSON, True),
    ({"AWS": "*"}, SERVICE, True),
    ({"AWS": ALICE}, PERSON, True),
    ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, PERSON, False),
    ({"AWS": ACCOUNT}, PERSON, True),
    ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, PERSON, True),
    ({"AWS": "999999999999"}, PERSON, False),
    ({"AWS": "arn:aws:iam::999999999999:root"}, PERSON, False),
    ({"AWS": ["999999999999", ALICE]}, PERSON, True),
    ({"AWS": ACCOUNT}, SERVICE, False),
    ({"AWS": ACCOUNT, "Service": "ses.amazonaws.com"}, SERVICE, True),
    (SES, PERSON, False),
]


@pytest.mark.parametrize(("principal", "asking", "expected"), PRINCIPALS)
def test_principals(principal, asking, expected):
    assert ask(allow(Principal=principal), principal=asking).is_allowed is expected


@pytest.mark.parametrize(("principal", "asking", "is_named"), PRINCIPALS)
def test_not_principal_denies_everyone_else(principal, asking, is_named):
    statement = {"Effect": "Deny", "NotPrincipal": principal, "Action": "*", "Resource": "*"}
    assert ask(allow(Principal="*"), statement, principal=asking).is_allowed is is_named


# --- actions --------------------------------------------------------------------------------------

ACTIONS = [
    ("secretsmanager:GetSecretValue", True),
    ("secretsmanager:getsecretvalue", True),
    ("SECRETSMANAGER:GetSecretValue", True),
    ("secretsmanager:*", True),
    ("secretsmanager:Get*", True),
    ("secretsmanager:*Value", True),
    ("secretsmanager:Get??????Value", True),
    ("secretsmanager:Get?????Value", False),
    ("secretsmanager:*Secret*", True),
    ("*", True),
    ("kms:*", False),
    ("secretsmanager:Put*", False),
    (["kms:Decrypt", "secretsmanager:GetSecretValue"], True),
    (["kms:Decrypt", "kms:Encrypt"], False),
]


@pytest.mark.parametrize(("action", "expected"), ACTIONS)
def test_actions(action, expected):
    assert ask(allow(Action=action)).is_allowed is expected


@pytest.mark.parametrize(("action", "is_named"), ACTIONS)
def test_not_action_is_the_opposite(action, is_named):
    statement = {"Effect": "Allow", "Principal": SES, "NotAction": action, "Resource": "*"}
    assert ask(statement).is_allowed is not is_named


# --- resources ------------------------------------------------------------------------------------

RESOURCES = [
    ("*", True),
    (SECRET, True),
    ("arn:aws:secretsmanager:us-east-1:123456789012:secret:smtp-??????", True),
    ("arn:aws:secretsmanager:us-east-1:123456789012:secret:smtp-?????", False),
    ("arn:aws:secretsmanager:us-east-1:123456789012:secret:*", True),
    ("arn:aws:secretsmanager:*:123456789012:secret:smtp-*", True),
    ("arn:aws:secretsmanager:*:*:*", True),
    ("arn:aws:secretsmanager:*:secret:smtp-*:x", False),  # a wildcard never reaches over a colon
    ("arn:aws:secretsmanager:us-east-1:123456789012:secret:SMTP-AbCdEf", False),
    ("arn:aws:secretsmanager:us-west-2:123456789012:secret:smtp-AbCdEf", False),
    ("arn:aws:secretsmanager:us-east-1:${aws:SourceAccount}:secret:*", True),
    ("arn:aws:secretsmanager:us-east-1:${aws:NoSuchKey}:secret:*", False),
    ("arn:aws:secretsmanager:us-east-1:${aws:NoSuchKey, '123456789012'}:secret:*", True),
    (["arn:aws:kms:us-east-1:123456789012:key/1", SECRET], True),
]


@pytest.mark.parametrize(("resource", "expected"), RESOURCES)
def test_resources(resource, expected):
    assert ask(allow(Resource=resource), aws__SourceAccount=ACCOUNT).is_allowed is expected


@pytest.mark.parametrize(("resource", "is_named"), RESOURCES)
def test_not_resource_is_the_opposite(resource, is_named):
    statement = {"Effect": "Allow", "Principal": SES, "Action": "*", "NotResource": resource}
    assert ask(statement, aws__SourceAccount=ACCOUNT).is_allowed is not is_named


# --- conditions: one key, one value ---------------------------------------------------------------

# operator, wanted, given (None: the key is missing), holds
CONDITIONS = [
    ("StringEquals", "abc", "abc", True),
    ("StringEquals", "abc", "ABC", False),
    ("StringEquals", "a*", "abc", False),
    ("StringEquals", "a*", "a*", True),
    ("StringEquals", "abc", None, False),
    ("StringEquals", ["x", "abc"], "abc", True),
    ("StringEqualsIfExists", "abc", None, True),
    ("StringEqualsIfExists", "abc", "x", False),
    ("StringNotEquals", "abc", "x", True),
    ("StringNotEquals", "abc", "abc", False),
    ("StringNotEquals", "abc", None, True),
    ("StringNotEquals", ["x", "abc"], "abc", False),
    ("StringNotEquals", ["x", "y"], "abc", True),
    ("StringEqualsIgnoreCase", "abc", "ABC", True),
    ("StringEqualsIgnoreCase", "abc", "abd", False),
    ("StringNotEqualsIgnoreCase", "abc", "ABC", False),
    ("StringNotEqualsIgnoreCase", "abc", None, True),
    ("StringLike", "a*", "abc", True),
    ("StringLike", "a?c", "abc", True),
    ("StringLike", "a?c", "ac", False),
    ("StringLike", "A*", "abc", False),
    ("StringLike", "*", "", True),
    ("StringLike", "a.c", "abc", False),
    ("StringLike", "${*}", "abc", False),
    ("StringLike", "${*}", "*", True),
    ("StringLike", "a${?}c", "a?c", True),
    ("StringLike", "a${?}c", "abc", False),
    ("StringLike", "${$}{x}", "${x}", True),
    ("StringLike", "*" * 64 + "b", "a" * 4000, False),
    ("StringLike", "a*" * 30 + "b", "a" * 4000, False),
    ("StringLike", "a*b*c", "axxbxbxcxc", True),
    ("StringLike", "*ab*ab", "abab", True),
    ("StringLike", "*ab*ab", "ab", False),
    ("StringLike", "a*", None, False),
    ("StringLikeIfExists", "a*", None, True),
    ("StringNotLike", "a*", "abc", False),
    ("StringNotLike", "a*", "xbc", True),
    ("StringNotLike", "a*", None, True),
    ("ArnLike", "arn:aws:ses:us-east-1:123456789012:mailmanager-ingress-point/*", ENDPOINT, True),
    ("ArnEquals", "arn:aws:ses:us-east-1:123456789012:mailmanager-ingress-point/*", ENDPOINT, True),
    ("ArnEquals", ENDPOINT, ENDPOINT, True),
    ("ArnLike", "arn:aws:ses:us-east-1:123456789012:mailmanager-smtp-relay/*", ENDPOINT, False),
    ("ArnLike", "arn:aws:ses:*:123456789012:*", ENDPOINT, True),
    ("ArnLike", "arn:aws:ses:*:mailmanager-ingress-point/*", ENDPOINT, False),
    ("ArnLike", "arn:aws:ses:us-east-1:999999999999:mailmanager-ingress-point/*", ENDPOINT, False),
    ("ArnLike", "arn:aws:*", "no arn", False),
    ("ArnLike", ENDPOINT, None, False),
    ("ArnLikeIfExists", ENDPOINT, None, True),
    ("ArnNotLike", "arn:aws:ses:*:*:mailmanager-smtp-relay/*", ENDPOINT, True),
    ("ArnNotEquals", ENDPOINT, ENDPOINT, False),
    ("ArnNotEquals", ENDPOINT, None, True),
    ("Bool", "true", "true", True),
    ("Bool", True, "true", True),
    ("Bool", False, "true", False),
    ("Bool", "true", "false", False),
    ("Bool", "True", "true", True),
    ("Bool", "true", None, False),
    ("BoolIfExists", "true", None, True),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.9", False),
    ("IpAddress", "203.0.113.9", "203.0.113.9", True),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
    ("IpAddress", "203.0.113.0/24", "2001:db8::1", False),
    ("IpAddress", ["10.0.0.0/8", "203.0.113.0/24"], "203.0.113.9", True),
    ("IpAddress", "203.0.113.0/24", "nonsense", False),
    ("IpAddress", "203.0.113.0/24", None, False),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", False),
    ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
    ("NotIpAddress", "203.0.113.0/24", None, True),
    ("NumericEquals", "10", "10.0", True),
    ("NumericEquals", 10, "10", True),
    ("NumericEquals", "10", "11", False),
    ("NumericEquals", "10", "ten", False),
    ("NumericNotEquals", "10", "11", True),
    ("NumericNotEquals", "10", None, True),
    ("NumericLessThan", "10", "9", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericGreaterThan", "10", "11", True),
    ("NumericGreaterThan", "10", "10", False),
    ("NumericGreaterThanEquals", "10", "10", True),
    ("NumericGreaterThanEquals", "10", "nan", False),
    ("NumericLessThan", "10", None, False),
    ("NumericLessThanIfExists", "10", None, True),
    ("DateEquals", "2026-11-25T00:00:00Z", "2026-11-25T00:00:00+00:00", True),
    ("DateEquals", "2026-11-25T00:00:00Z", "2026-11-25T05:45:00+05:45", True),
    ("DateEquals", "0", "1970-01-01T00:00:00Z", True),
    ("DateNotEquals", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", True),
    ("DateLessThan", "2026-11-25", "2026-11-24T23:59:59Z", True),
    ("DateLessThan", "2026-11-25", "2026-11-25T00:00:00Z", False),
    ("DateLessThanEquals", "2026-11-25", "2026-11-25T00:00:00Z", True),
    ("DateGreaterThan", "2026-11-25", "2026-11-25T00:00:01Z", True),
    ("DateGreaterThanEquals", "2026-11-25", "2026-11-25T00:00:00Z", True),
    ("DateGreaterThan", "2026-11-25", "soon", False),
    ("DateLessThan", "2026-11-25", None, False),
    ("Null", "true", None, True),
    ("Null", "true", "x", False),
    ("Null", "false", None, False),
    ("Null", "false", "x", True),
    ("Null", True, None, True),
    ("StringEquals", "${aws:SourceAccount}", ACCOUNT, True),
    ("StringEquals", "${aws:NoSuchKey}", ACCOUNT, False),
    ("StringNotEquals", "${aws:NoSuchKey}", ACCOUNT, True),
    ("StringEquals", "${aws:NoSuchKey, 'abc'}", "abc", True),
]


@pytest.mark.parametrize(("operator", "wanted", "given", "expected"), CONDITIONS)
def test_condition_operators(operator, wanted, given, expected):
    context = {"test__Key": given} if given is not None else {}
    statement = allow(Condition={operator: {"test:Key": wanted}})
    assert ask(statement, aws__SourceAccount=ACCOUNT, **context).is_allowed is expected


# --- conditions: keys with several values ---------------------------------------------------------

SETS = [
    ("ForAllValues:StringEquals", ["a", "b"], ("a",), True),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
    ("ForAllValues:StringEquals", ["a", "b"], (), True),
    ("ForAllValues:StringLike", ["a*"], ("ab", "ac"), True),
    ("ForAllValues:StringNotEquals", ["a"], ("b", "c"), True),
    ("ForAllValues:StringNotEquals", ["a"], ("a", "c"), False),
    ("ForAnyValue:StringEquals", ["a", "b"], ("x", "b"), True),
    ("ForAnyValue:StringEquals", ["a", "b"], ("x", "y"), False),
    ("ForAnyValue:StringEquals", ["a", "b"], (), False),
    ("ForAnyValue:StringEqualsIfExists", ["a"], (), True),
    ("ForAnyValue:StringNotEquals", ["a"], ("a", "b"), True),
    ("ForAnyValue:StringNotEquals", ["a"], ("a",), False),
    ("ForAnyValue:StringNotEquals", ["a"], (), False),
    ("ForAnyValue:ArnLike", ["arn:aws:ses:*:*:*"], (ENDPOINT,), True),
    ("StringNotEquals", ["a"], ("a", "b"), False),
    ("StringEquals", ["a"], ("a", "b"), True),
]


@pytest.mark.parametrize(("operator", "wanted", "given", "expected"), SETS)
def test_set_operators(operator, wanted, given, expected):
    assert ask(allow(Condition={operator: {"test:Keys": wanted}}), test__Keys=given).is_allowed is expected


def test_every_operator_and_every_key_must_hold():
    condition = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:Region": "us-east-1"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    complete = {"aws__SourceAccount": ACCOUNT, "aws__Region": "us-east-1", "aws__SecureTransport": "true"}
    assert ask(allow(Condition=condition), **complete).is_allowed
    for missing in complete:
        rest = {key: value for key, value in complete.items() if key != missing}
        assert not ask(allow(Condition=condition), **rest).is_allowed, missing


def test_condition_keys_are_compared_without_regard_to_case():
    assert ask(
        allow(Condition={"StringEquals": {"AWS:sourceaccount": ACCOUNT}}), aws__SourceAccount=ACCOUNT
    ).is_allowed


def test_the_older_version_takes_variables_literally():
    statement = allow(Condition={"StringEquals": {"test:Key": "${aws:SourceAccount}"}})
    for version in ("2008-10-17", None):
        assert not ask(statement, version=version, test__Key=ACCOUNT, aws__SourceAccount=ACCOUNT).is_allowed
        assert ask(
            statement, version=version, test__Key="${aws:SourceAccount}", aws__SourceAccount=ACCOUNT
        ).is_allowed


def test_a_variable_filled_with_a_wildcard_does_not_widen_the_policy():
    statement = allow(Condition={"StringLike": {"test:Key": "${test:Name}"}})
    assert not ask(statement, test__Name="*", test__Key="anything").is_allowed
    assert ask(statement, test__Name="*", test__Key="*").is_allowed


def test_a_variable_with_several_values_fits_nothing():
    statement = allow(Condition={"StringEquals": {"test:Key": "${test:Name}"}})
    assert not ask(statement, test__Name=("a", "b"), test__Key="a").is_allowed


# --- the policies of the walk, and what a refusal tells -------------------------------------------

INGRESS_SECRET_POLICY = allow(
    Sid="AllowIngressEndpoints",
    Condition={
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": "arn:aws:ses:us-east-1:123456789012:mailmanager-ingress-point/*"},
    },
)


def test_the_published_policy_lets_the_endpoint_read_its_secret():
    decision = ask(INGRESS_SECRET_POLICY, aws__SourceAccount=ACCOUNT, aws__SourceArn=ENDPOINT)
    assert decision.is_allowed
    assert (decision.reason, decision.statement, decision.sid) == (Reason.ALLOWED, 0, "AllowIngressEndpoints")


def test_a_deny_is_named():
    decision = ask(allow(), deny(Sid="NoOne"))
    assert (decision.reason, decision.statement, decision.sid) == (Reason.EXPLICIT_DENY, 1, "NoOne")


@pytest.mark.parametrize(
    ("change", "mismatch"),
    [
        ({"Principal": {"Service": "kms.amazonaws.com"}}, Mismatch.PRINCIPAL),
        ({"Action": "secretsmanager:DescribeSecret"}, Mismatch.ACTION),
        (
            {"Resource": "arn:aws:secretsmanager:us-east-1:123456789012:secret:other-AbCdEf"},
            Mismatch.RESOURCE,
        ),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}}, Mismatch.CONDITION),
    ],
)
def test_a_refusal_tells_what_kept_each_allow_from_matching(change, mismatch):
    decision = ask(INGRESS_SECRET_POLICY | change, aws__SourceAccount=ACCOUNT, aws__SourceArn=ENDPOINT)
    assert decision.reason is Reason.NO_ALLOW
    (miss,) = decision.near_misses
    assert (miss.sid, miss.mismatch) == ("AllowIngressEndpoints", mismatch)
    if mismatch is Mismatch.CONDITION:
        assert (miss.condition.key, miss.condition.patterns) == ("aws:SourceAccount", ("999999999999",))
