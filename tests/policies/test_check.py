"""Documents that a traffic policy can't have, and how each is refused (SPEC §4, §8)."""

import json
import re
from typing import Any

import pytest
from django.conf import settings

from policies.logic.check import MAX_PROBLEMS, Limits, check_document
from policies.logic.evaluate import compile_policy
from tests.policies.documents import allow, deny, in_list, ipv4, ipv6, policy, recipient, tls

LIST_ARN = "arn:aws:ses:us-east-1:123456789012:mailmanager-address-list/al-1"
ANALYSIS = {
    "StringExpression": {
        "Evaluate": {"Analysis": {"Analyzer": "arn:aws:ses:x:1:addon-instance/ai-1", "ResultField": "a"}},
        "Operator": "EQUALS",
        "Values": ["x"],
    }
}
NOT_TEXT: Any = [7]
FIRST = "PolicyStatements[0].Conditions[0]"

# name, document, path of the first problem, part of its message
REFUSED = [
    ("no object", [], "", "object"),
    ("no default", {"PolicyStatements": []}, "DefaultAction", "required"),
    ("unknown default", policy("MAYBE"), "DefaultAction", "ALLOW, DENY"),
    ("default is a list", {"DefaultAction": ["ALLOW"]}, "DefaultAction", "text"),
    ("unknown member", policy("ALLOW") | {"Statement": []}, "Statement", "not known"),
    ("size 0", policy("ALLOW", size=0), "MaxMessageSizeBytes", "at least 1"),
    ("size of 64 bits", policy("ALLOW", size=2**40), "MaxMessageSizeBytes", "at most 2,147,483,647"),
    ("size is text", policy("ALLOW") | {"MaxMessageSizeBytes": "25 MB"}, "MaxMessageSizeBytes", "whole number"),
    ("size is true", policy("ALLOW", size=True), "MaxMessageSizeBytes", "whole number"),
    ("statements are an object", {"DefaultAction": "ALLOW", "PolicyStatements": {}}, "PolicyStatements", "list"),
    ("statement is text", policy("ALLOW") | {"PolicyStatements": ["DENY all"]}, "PolicyStatements[0]", "object"),
    ("no action", policy("ALLOW", {"Conditions": [ipv4("10.0.0.0/8")]}), "PolicyStatements[0].Action", "required"),
    ("no conditions", policy("ALLOW", deny()), "PolicyStatements[0].Conditions", "at least 1"),
    ("empty condition", policy("ALLOW", deny({})), FIRST, "exactly one of"),
    ("two expressions in one", policy("ALLOW", deny(recipient("EQUALS", "a") | ipv4("10.0.0.0/8"))), FIRST, "exactly one of"),
    ("unknown operator", policy("ALLOW", deny(recipient("MATCHES", "a"))), f"{FIRST}.StringExpression.Operator", "EQUALS"),
    ("operator of another", policy("ALLOW", deny(ipv4("10.0.0.0/8", operator="EQUALS"))), f"{FIRST}.IpExpression.Operator", "CIDR_MATCHES"),
    ("no values", policy("ALLOW", deny(recipient("EQUALS"))), f"{FIRST}.StringExpression.Values", "at least 1"),
    ("empty value", policy("ALLOW", deny(recipient("CONTAINS", "a", ""))), f"{FIRST}.StringExpression.Values[1]", "empty"),
    ("control character", policy("ALLOW", deny(recipient("CONTAINS", "a\n"))), f"{FIRST}.StringExpression.Values[0]", "control"),
    ("half a character", policy("ALLOW", deny(recipient("CONTAINS", "\ud800"))), f"{FIRST}.StringExpression.Values[0]", "control"),
    ("long value", policy("ALLOW", deny(recipient("CONTAINS", "a" * 5000))), f"{FIRST}.StringExpression.Values[0]", "4,096"),
    ("number as value", policy("ALLOW", deny(recipient("CONTAINS", *NOT_TEXT))), f"{FIRST}.StringExpression.Values[0]", "text"),
    ("no mask", policy("ALLOW", deny(ipv4("10.0.0.1"))), f"{FIRST}.IpExpression.Values[0]", "10.0.0.1/32"),
    ("bits right of the mask", policy("ALLOW", deny(ipv4("10.1.2.3/8"))), f"{FIRST}.IpExpression.Values[0]", "10.0.0.0/8"),
    ("IPv6 among IPv4", policy("ALLOW", deny(ipv4("10.0.0.0/8", "2001:db8::/32"))), f"{FIRST}.IpExpression.Values[1]", "IPv4"),
    ("IPv4 among IPv6", policy("ALLOW", deny(ipv6("10.0.0.0/8"))), f"{FIRST}.Ipv6Expression.Values[0]", "IPv6"),
    ("IPv4 within IPv6", policy("ALLOW", deny(ipv6("::ffff:192.0.2.1/128"))), f"{FIRST}.Ipv6Expression.Values[0]", "hexadecimal"),
    ("long CIDR", policy("ALLOW", deny(ipv4("1" * 5000))), f"{FIRST}.IpExpression.Values[0]", "too long"),
    ("TLS 1.1", policy("ALLOW", deny(tls("IS", "TLS1_1"))), f"{FIRST}.TlsExpression.Value", "TLS1_2"),
    ("list of senders", policy("ALLOW", deny(in_list(LIST_ARN, attribute="FROM"))), f"{FIRST}.BooleanExpression.Evaluate.IsInAddressList.Attribute", "RECIPIENT"),
    ("operator for texts", policy("ALLOW", deny(in_list(LIST_ARN, operator="EQUALS"))), f"{FIRST}.BooleanExpression.Operator", "IS_TRUE"),
    ("add-on", policy("ALLOW", deny(ANALYSIS)), f"{FIRST}.StringExpression.Evaluate.Analysis", "add-ons"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "path", "message"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_document_is_refused_at_its_path(document, path, message):
    problem = check_document(document)[0]
    assert problem.path == path
    assert message in problem.message
    assert "25[0-5]" not in problem.message, "a regular expression tells nobody anything"


FINE = [
    policy("DENY"),
    {"DefaultAction": "ALLOW"},
    policy("ALLOW", deny(recipient("EQUALS", "a@example.com")), allow(tls("IS", "TLS1_3")), size=1),
    policy("ALLOW", deny(ipv4("0.0.0.0/0"), ipv6("::/0"), tls("MINIMUM_TLS_VERSION", "TLS1_2"))),
    policy(
        "ALLOW",
        deny(recipient("CONTAINS", "<script>alert(1)</script>", "Jürgen@exämple.com", "例え@例え.jp")),
    ),
    policy("ALLOW", deny(recipient("EQUALS", *(f"u{i}@example.com" for i in range(10_000))))),
]


@pytest.mark.parametrize("document", FINE)
def test_what_passes_the_check_compiles(document):
    assert check_document(document) == []
    compile_policy(document)


def test_limits_are_those_passed_in():
    statement = deny(*(recipient("EQUALS", "a@example.com") for _ in range(3)))
    document = policy("ALLOW", statement, statement)
    assert check_document(document) == []
    assert check_document(document, Limits(statements=2, conditions=3)) == []
    problems = check_document(document, Limits(statements=1, conditions=2))
    assert [problem.path for problem in problems] == [
        "PolicyStatements",
        "PolicyStatements[0].Conditions",
        "PolicyStatements[1].Conditions",
    ]


def test_every_wrong_value_is_named_up_to_a_bound():
    document = policy("ALLOW", deny(ipv4(*(f"host{i}" for i in range(10_000)))))
    problems = check_document(document)
    assert len(problems) == MAX_PROBLEMS
    assert problems[99].path == f"{FIRST}.IpExpression.Values[99]"


def test_deep_nesting_is_a_problem_not_a_crash():
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    assert check_document({"DefaultAction": nested, "PolicyStatements": nested})
    assert check_document(policy("ALLOW", {"Action": "DENY", "Conditions": nested}))


def test_example_of_the_documentation_is_a_policy():
    text = (settings.BASE_DIR / "docs/traffic-policies.md").read_text()
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    document = json.loads(example)
    assert check_document(document) == []
    compile_policy(document)
