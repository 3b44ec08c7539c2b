"""Which messages a rule's condition fits."""

import pytest

from addresslists.logic.lookup import UnreadableListError
from core.envelope import CertificateAttribute, ClientCertificate
from core.message import Message
from rulesets.logic.compile import compile_rule_set
from tests.policies.documents import in_list
from tests.rulesets.documents import (
    DROP,
    MAIL,
    certificate,
    envelope,
    ip,
    recipient,
    rule,
    rules,
    size,
    text,
    tls,
)

HOLDING = [
    text("FROM", "EQUALS", "ANN@X.example"),
    text("FROM", "ENDS_WITH", "@nowhere.example", "@x.example"),
    text("TO", "EQUALS", "team@y.example"),
    text("TO", "STARTS_WITH", "bob@"),
    text("CC", "CONTAINS", "cc@"),
    text("SENDER", "EQUALS", "desk@x.example"),
    text("SUBJECT", "CONTAINS", "GRÜSSE"),
    text("SUBJECT", "EQUALS", "Grüße from Ann"),
    text("MAIL_FROM", "EQUALS", "ann@x.example"),
    text("HELO", "ENDS_WITH", ".EXAMPLE"),
    text("X-Spam", "EQUALS", "yes"),
    text("X-Spam", "STARTS_WITH", "score"),
    text("X-Absent", "NOT_EQUALS", "yes"),
    text("FROM", "NOT_EQUALS", "bob@x.example", "eve@x.example"),
    recipient("bob@y.example"),
    recipient("eve@y.example", operator="NOT_EQUALS"),
    size("LESS_THAN", 1000.5),
    size("EQUALS", 1000),
    size("GREATER_THAN_OR_EQUAL", 1000),
    ip("10.0.0.0/8", "192.0.2.0/24"),
    ip("2001:db8::/32", operator="NOT_CIDR_MATCHES"),
    tls(),
]
FAILING = [
    text("FROM", "EQUALS", "Ann"),
    text("FROM", "NOT_EQUALS", "bob@x.example", "ann@x.example"),
    text("TO", "NOT_EQUALS", "team@y.example"),  # one of two is meant
    text("TO", "EQUALS", "cc@y.example"),
    text("X-Spam", "NOT_EQUALS", "yes"),
    text("X-Absent", "CONTAINS", "a"),
    text("SUBJECT", "STARTS_WITH", "=?utf-8"),
    recipient("team@y.example"),
    recipient("bob@y.example", operator="NOT_EQUALS"),
    size("GREATER_THAN", 1000),
    size("NOT_EQUALS", 1000),
    ip("192.0.2.0/24", operator="NOT_CIDR_MATCHES"),
    tls("IS_FALSE"),
]


def matches(when, *, mail=MAIL, **changed):
    return bool(
        compile_rule_set(rules(rule(DROP, when=when))).plan(envelope(**changed), Message(mail)).dropped
    )


@pytest.mark.parametrize("condition", HOLDING, ids=str)
def test_condition_holds(condition):
    assert matches(condition)


@pytest.mark.parametrize("condition", FAILING, ids=str)
def test_condition_fails(condition):
    assert not matches(condition)


@pytest.mark.parametrize("condition", [*HOLDING, *FAILING], ids=str)
def test_an_exception_is_the_opposite_of_a_condition(condition):
    plan = compile_rule_set(rules(rule(DROP, unless=condition))).plan(envelope(), Message(MAIL))
    assert bool(plan.dropped) is (condition in FAILING)


def test_the_null_reverse_path_is_asked_for_by_its_brackets():
    assert matches(text("MAIL_FROM", "EQUALS", "<>"), reverse_path="")
    assert not matches(text("MAIL_FROM", "EQUALS", "<>"))
    assert matches(text("MAIL_FROM", "NOT_EQUALS", "ann@x.example"), reverse_path="")


@pytest.mark.parametrize("value", ["bob@xn--mnchen-3ya.example", "bob@München.example"])
@pytest.mark.parametrize("path", ["bob@xn--mnchen-3ya.example", "bob@münchen.example"])
def test_a_domain_is_the_same_in_either_spelling(value, path):
    assert (
        compile_rule_set(rules(rule(DROP, when=recipient(value)))).plan(envelope(path), Message(MAIL)).dropped
    )
    assert matches(text("FROM", "EQUALS", value), mail=f"From: <{path}>\r\n\r\n".encode())
    assert matches(text("MAIL_FROM", "EQUALS", value), reverse_path=path)


def test_without_tls_tls_is_false():
    assert matches(tls("IS_FALSE"), tls_version=None)
    assert not matches(tls(), tls_version=None)


def test_an_unknown_peer_is_in_no_network():
    assert matches(ip("0.0.0.0/0", operator="NOT_CIDR_MATCHES"), peer_address="")
    assert not matches(ip("0.0.0.0/0", "::/0"), peer_address="")


def test_a_mapped_peer_is_the_ipv4_address_it_is():
    assert matches(ip("192.0.2.0/24"), peer_address="::ffff:192.0.2.9")


@pytest.mark.parametrize(
    "mail", [b"", b"\x00\xff" * 50, b"no header here\r\n\r\n", b"To: \r\n\r\n"], ids=repr
)
def test_mail_that_cannot_be_read_meets_the_rules_that_need_no_reading(mail):
    assert matches([recipient("bob@y.example"), ip("192.0.2.7/32"), size("LESS_THAN", 2000)], mail=mail)
    assert not matches(text("FROM", "CONTAINS", "@"), mail=mail)


SHOWN = ClientCertificate(
    "CN=Mailer",
    {"CN": ("Mailer",), "SAN_DNS_NAME": ("mx1.x.example", "mx2.x.example"), "SERIAL_NUMBER": ("0A1B",)},
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (certificate("CN", "EQUALS", "mailer"), True),
        (certificate("CN", "NOT_EQUALS", "mailer"), False),
        (certificate("SAN_DNS_NAME", "STARTS_WITH", "mx2."), True),
        (certificate("SAN_DNS_NAME", "NOT_EQUALS", "mx2.x.example"), False),
        (certificate("SERIAL_NUMBER", "EQUALS", "0a1b"), True),
        (certificate("SAN_RFC822_NAME", "CONTAINS", "@"), False),
        (certificate("SAN_RFC822_NAME", "NOT_EQUALS", "a@x.example"), True),
    ],
    ids=str,
)
def test_conditions_ask_about_the_client_certificate(condition, holds):
    assert matches(condition, client_certificate=SHOWN) is holds


@pytest.mark.parametrize("attribute", CertificateAttribute)
def test_without_a_client_certificate_nothing_is_equal(attribute):
    assert not matches(certificate(attribute.value, "CONTAINS", "a"))
    assert matches(certificate(attribute.value, "NOT_EQUALS", "a"))


# --- address lists --------------------------------------------------------------------------------


class Friends:
    def contains(self, list_id, address):
        if list_id != "al-1":
            raise UnreadableListError(list_id)
        return address in {"ann@x.example", "team@y.example", "bob@y.example"}


@pytest.mark.parametrize(
    ("attribute", "is_in_it"),
    [
        ("RECIPIENT", True),
        ("MAIL_FROM", True),
        ("FROM", True),
        ("TO", True),  # one of two is
        ("CC", False),
        ("SENDER", False),
    ],
)
def test_each_address_of_a_message_can_be_looked_for_in_a_list(attribute, is_in_it):
    for operator, holds in (("IS_TRUE", is_in_it), ("IS_FALSE", not is_in_it)):
        compiled = compile_rule_set(
            rules(rule(DROP, when=in_list("al-1", attribute=attribute, operator=operator))), Friends()
        )
        plan = compiled.plan(envelope(), Message(MAIL))
        assert bool(plan.dropped) is holds
        assert compiled.list_ids == {"al-1"}


def test_a_rule_whose_list_can_not_be_read_is_walked_again_later():
    compiled = compile_rule_set(rules(rule(DROP, when=in_list("al-2"))), Friends())
    plan = compiled.plan(envelope(), Message(MAIL))
    assert plan.failed == tuple(envelope().forward_paths)
    assert not plan.dropped
