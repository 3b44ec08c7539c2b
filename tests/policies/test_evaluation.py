"""What a traffic policy says of a recipient, a peer and a session (SPEC §4)."""

from ipaddress import ip_address

import pytest

from addresslists.logic.lookup import UnreadableListError
from core.envelope import TlsVersion
from policies.logic.evaluate import CompiledPolicy, Decision, Explanation, Reason, Verdict, compile_policy
from tests.policies.documents import (
    allow,
    deny,
    in_list,
    ipv4,
    ipv6,
    not_ipv4,
    not_ipv6,
    policy,
    recipient,
    tls,
)

V4, V6 = "192.0.2.7", "2001:db8::7"
CLEAR, TLS12, TLS13 = None, TlsVersion.TLS1_2, TlsVersion.TLS1_3
DEFAULT = None
A, B = "a@example.com", "b@example.com"
CLIENT = ip_address(V4)


# name, default, statements, recipient, peer, TLS; verdict, number of the statement that decides
CASES = [
    # no statement
    ("nothing, allow", "ALLOW", [], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("nothing, deny", "DENY", [], A, V4, CLEAR, "DENY", DEFAULT),
    # EQUALS
    ("equals", "ALLOW", [deny(recipient("EQUALS", A))], A, V4, CLEAR, "DENY", 0),
    ("equals, other", "ALLOW", [deny(recipient("EQUALS", A))], "b@example.com", V4, CLEAR, "ALLOW", DEFAULT),
    ("equals, typed in capitals", "ALLOW", [deny(recipient("EQUALS", "A@EXAMPLE.COM"))], A, V4, CLEAR, "DENY", 0),
    ("equals, sent in capitals", "ALLOW", [deny(recipient("EQUALS", A))], "A@Example.Com", V4, CLEAR, "DENY", 0),
    ("equals, plus-tag is part of it", "ALLOW", [deny(recipient("EQUALS", A))], "a+x@example.com", V4, CLEAR, "ALLOW", DEFAULT),
    ("equals, with its plus-tag", "ALLOW", [deny(recipient("EQUALS", "a+x@example.com"))], "a+X@example.com", V4, CLEAR, "DENY", 0),
    ("equals, first of several", "ALLOW", [deny(recipient("EQUALS", A, "b@example.com"))], A, V4, CLEAR, "DENY", 0),
    ("equals, last of several", "ALLOW", [deny(recipient("EQUALS", "b@example.com", A))], A, V4, CLEAR, "DENY", 0),
    ("equals, none of several", "ALLOW", [deny(recipient("EQUALS", A, "b@example.com"))], "c@example.com", V4, CLEAR, "ALLOW", DEFAULT),
    ("equals, no part", "ALLOW", [deny(recipient("EQUALS", "example.com"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("equals, beyond ASCII", "ALLOW", [deny(recipient("EQUALS", "Jürgen@exämple.com"))], "JÜRGEN@EXÄMPLE.COM", V4, CLEAR, "DENY", 0),
    # NOT_EQUALS
    ("not equals", "ALLOW", [deny(recipient("NOT_EQUALS", A))], "b@example.com", V4, CLEAR, "DENY", 0),
    ("not equals, equal", "ALLOW", [deny(recipient("NOT_EQUALS", A))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("not equals, equal but for case", "ALLOW", [deny(recipient("NOT_EQUALS", A))], "A@EXAMPLE.com", V4, CLEAR, "ALLOW", DEFAULT),
    ("not equals, one of several", "ALLOW", [deny(recipient("NOT_EQUALS", A, "b@example.com"))], "b@example.com", V4, CLEAR, "ALLOW", DEFAULT),
    ("not equals, none of several", "ALLOW", [deny(recipient("NOT_EQUALS", A, "b@example.com"))], "c@example.com", V4, CLEAR, "DENY", 0),
    # STARTS_WITH
    ("starts", "ALLOW", [deny(recipient("STARTS_WITH", "a@"))], A, V4, CLEAR, "DENY", 0),
    ("starts, not in the middle", "ALLOW", [deny(recipient("STARTS_WITH", "example"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("starts, case", "ALLOW", [deny(recipient("STARTS_WITH", "POST"))], "Postmaster@example.com", V4, CLEAR, "DENY", 0),
    ("starts, any of several lengths", "ALLOW", [deny(recipient("STARTS_WITH", "x", "a@", "abc"))], A, V4, CLEAR, "DENY", 0),
    ("starts, longer than the recipient", "ALLOW", [deny(recipient("STARTS_WITH", A + ".uk"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("starts, the whole", "ALLOW", [deny(recipient("STARTS_WITH", A))], A, V4, CLEAR, "DENY", 0),
    # ENDS_WITH
    ("ends", "ALLOW", [deny(recipient("ENDS_WITH", "@example.com"))], A, V4, CLEAR, "DENY", 0),
    ("ends, sub-domain", "ALLOW", [deny(recipient("ENDS_WITH", "@example.com"))], "a@x.example.com", V4, CLEAR, "ALLOW", DEFAULT),
    ("ends, sub-domain by dot", "ALLOW", [deny(recipient("ENDS_WITH", ".example.com"))], "a@x.example.com", V4, CLEAR, "DENY", 0),
    ("ends, case", "ALLOW", [deny(recipient("ENDS_WITH", "@EXAMPLE.COM"))], A, V4, CLEAR, "DENY", 0),
    ("ends, any of several lengths", "ALLOW", [deny(recipient("ENDS_WITH", "@b.org", "@example.com"))], A, V4, CLEAR, "DENY", 0),
    ("ends, longer than the recipient", "ALLOW", [deny(recipient("ENDS_WITH", "x" + A))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("ends, no plus-tag in the way", "ALLOW", [deny(recipient("ENDS_WITH", "@example.com"))], "a+x@example.com", V4, CLEAR, "DENY", 0),
    # CONTAINS
    ("contains", "ALLOW", [deny(recipient("CONTAINS", "+"))], "a+x@example.com", V4, CLEAR, "DENY", 0),
    ("contains, absent", "ALLOW", [deny(recipient("CONTAINS", "+"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("contains, case", "ALLOW", [deny(recipient("CONTAINS", "XAMP"))], A, V4, CLEAR, "DENY", 0),
    ("contains, any of several", "ALLOW", [deny(recipient("CONTAINS", "zzz", "xamp"))], A, V4, CLEAR, "DENY", 0),
    ("contains, across the at sign", "ALLOW", [deny(recipient("CONTAINS", "a@e"))], A, V4, CLEAR, "DENY", 0),
    ("empty text ends everything", "ALLOW", [deny(recipient("ENDS_WITH", ""))], A, V4, CLEAR, "DENY", 0),
    ("no values, none matches", "ALLOW", [deny(recipient("CONTAINS"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("no values, none may match", "ALLOW", [deny(recipient("NOT_EQUALS"))], A, V4, CLEAR, "DENY", 0),
    # SENDER_IP
    ("IPv4 range", "ALLOW", [deny(ipv4("192.0.2.0/24"))], A, V4, CLEAR, "DENY", 0),
    ("IPv4 range, other peer", "ALLOW", [deny(ipv4("192.0.2.0/24"))], A, "192.0.3.7", CLEAR, "ALLOW", DEFAULT),
    ("IPv4 any of several", "ALLOW", [deny(ipv4("10.0.0.0/8", "192.0.2.7/32"))], A, V4, CLEAR, "DENY", 0),
    ("IPv4 everyone", "ALLOW", [deny(ipv4("0.0.0.0/0"))], A, V4, CLEAR, "DENY", 0),
    ("IPv4 everyone is no IPv6 peer", "ALLOW", [deny(ipv4("0.0.0.0/0"))], A, V6, CLEAR, "ALLOW", DEFAULT),
    ("IPv4 in IPv6 clothes", "ALLOW", [deny(ipv4("192.0.2.0/24"))], A, "::ffff:192.0.2.7", CLEAR, "DENY", 0),
    ("not IPv4 range", "ALLOW", [deny(not_ipv4("10.0.0.0/8"))], A, V4, CLEAR, "DENY", 0),
    ("not IPv4 range, in it", "ALLOW", [deny(not_ipv4("192.0.2.0/24"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("not IPv4, in one of several", "ALLOW", [deny(not_ipv4("10.0.0.0/8", "192.0.2.0/24"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("not IPv4 range holds for IPv6 peers", "ALLOW", [deny(not_ipv4("10.0.0.0/8"))], A, V6, CLEAR, "DENY", 0),
    ("not IPv4 range, in it in IPv6 clothes", "ALLOW", [deny(not_ipv4("192.0.2.0/24"))], A, "::ffff:192.0.2.7", CLEAR, "ALLOW", DEFAULT),
    # SENDER_IPV6
    ("IPv6 range", "ALLOW", [deny(ipv6("2001:db8::/32"))], A, V6, CLEAR, "DENY", 0),
    ("IPv6 range, other peer", "ALLOW", [deny(ipv6("2001:db8::/32"))], A, "2001:db9::7", CLEAR, "ALLOW", DEFAULT),
    ("IPv6 everyone is no IPv4 peer", "ALLOW", [deny(ipv6("::/0"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("IPv6 everyone is no mapped peer", "ALLOW", [deny(ipv6("::/0"))], A, "::ffff:192.0.2.7", CLEAR, "ALLOW", DEFAULT),
    ("not IPv6 range", "ALLOW", [deny(not_ipv6("2001:db9::/32"))], A, V6, CLEAR, "DENY", 0),
    ("not IPv6 range, in it", "ALLOW", [deny(not_ipv6("2001:db8::/32"))], A, V6, CLEAR, "ALLOW", DEFAULT),
    ("not IPv6 range holds for IPv4 peers", "ALLOW", [deny(not_ipv6("2001:db8::/32"))], A, V4, CLEAR, "DENY", 0),
    ("neither of ours, IPv4 of ours", "ALLOW", [deny(not_ipv4("192.0.2.0/24"), not_ipv6("2001:db8::/32"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("neither of ours, IPv6 of ours", "ALLOW", [deny(not_ipv4("192.0.2.0/24"), not_ipv6("2001:db8::/32"))], A, V6, CLEAR, "ALLOW", DEFAULT),
    ("neither of ours, foreign IPv4", "ALLOW", [deny(not_ipv4("192.0.2.0/24"), not_ipv6("2001:db8::/32"))], A, "198.51.100.1", CLEAR, "DENY", 0),
    ("neither of ours, foreign IPv6", "ALLOW", [deny(not_ipv4("192.0.2.0/24"), not_ipv6("2001:db8::/32"))], A, "2001:db9::1", CLEAR, "DENY", 0),
    ("both families at once never hold", "ALLOW", [deny(ipv4("0.0.0.0/0"), ipv6("::/0"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    # TLS_PROTOCOL
    ("minimum 1.2, with 1.2", "DENY", [allow(tls("MINIMUM_TLS_VERSION", "TLS1_2"))], A, V4, TLS12, "ALLOW", 0),
    ("minimum 1.2, with 1.3", "DENY", [allow(tls("MINIMUM_TLS_VERSION", "TLS1_2"))], A, V4, TLS13, "ALLOW", 0),
    ("minimum 1.2, in the clear", "DENY", [allow(tls("MINIMUM_TLS_VERSION", "TLS1_2"))], A, V4, CLEAR, "DENY", DEFAULT),
    ("minimum 1.3, with 1.2", "DENY", [allow(tls("MINIMUM_TLS_VERSION", "TLS1_3"))], A, V4, TLS12, "DENY", DEFAULT),
    ("minimum 1.3, with 1.3", "DENY", [allow(tls("MINIMUM_TLS_VERSION", "TLS1_3"))], A, V4, TLS13, "ALLOW", 0),
    ("is 1.2, with 1.2", "ALLOW", [deny(tls("IS", "TLS1_2"))], A, V4, TLS12, "DENY", 0),
    ("is 1.2, with 1.3", "ALLOW", [deny(tls("IS", "TLS1_2"))], A, V4, TLS13, "ALLOW", DEFAULT),
    ("is 1.3, in the clear", "ALLOW", [deny(tls("IS", "TLS1_3"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    # conditions of one statement are ANDed
    ("both hold", "ALLOW", [deny(recipient("EQUALS", A), ipv4("192.0.2.0/24"))], A, V4, CLEAR, "DENY", 0),
    ("first fails", "ALLOW", [deny(recipient("EQUALS", "b@example.com"), ipv4("192.0.2.0/24"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("last fails", "ALLOW", [deny(recipient("EQUALS", A), ipv4("10.0.0.0/8"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("TLS fails", "ALLOW", [deny(recipient("EQUALS", A), tls("IS", "TLS1_3"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    ("four hold", "DENY", [allow(recipient("ENDS_WITH", "@example.com"), recipient("NOT_EQUALS", "b@example.com"), ipv4("0.0.0.0/0"), tls("MINIMUM_TLS_VERSION", "TLS1_2"))], A, V4, TLS13, "ALLOW", 0),
    ("same attribute twice", "ALLOW", [deny(recipient("ENDS_WITH", ".com"), recipient("CONTAINS", "sales"))], "sales@example.com", V4, CLEAR, "DENY", 0),
    ("same attribute twice, one fails", "ALLOW", [deny(recipient("ENDS_WITH", ".com"), recipient("CONTAINS", "sales"))], A, V4, CLEAR, "ALLOW", DEFAULT),
    # order
    ("DENY before ALLOW, whatever their order", "ALLOW", [allow(recipient("EQUALS", A)), deny(recipient("EQUALS", A))], A, V4, CLEAR, "DENY", 1),
    ("ALLOW before the default", "DENY", [deny(recipient("EQUALS", "b@example.com")), allow(recipient("EQUALS", A))], A, V4, CLEAR, "ALLOW", 1),
    ("statements are alternatives", "DENY", [allow(recipient("EQUALS", "b@example.com")), allow(ipv4("192.0.2.0/24"))], A, V4, CLEAR, "ALLOW", 1),
    ("first of several that hold", "ALLOW", [deny(recipient("CONTAINS", "zz")), deny(recipient("CONTAINS", "xamp")), deny(recipient("EQUALS", A))], A, V4, CLEAR, "DENY", 1),
    ("first of several, filed apart", "ALLOW", [deny(ipv4("192.0.2.0/24")), deny(recipient("EQUALS", A))], A, V4, CLEAR, "DENY", 0),
    ("first of several, filed apart, turned round", "ALLOW", [deny(recipient("EQUALS", A)), deny(ipv4("192.0.2.0/24"))], A, V4, CLEAR, "DENY", 0),
    ("an ALLOW with a DENY default lets no one else in", "DENY", [allow(recipient("EQUALS", A))], "b@example.com", V4, CLEAR, "DENY", DEFAULT),
    ("statement numbers count all statements", "DENY", [deny(recipient("EQUALS", "b@example.com")), deny(recipient("EQUALS", "c@example.com")), allow(recipient("ENDS_WITH", "@example.com"))], A, V4, CLEAR, "ALLOW", 2),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_decision_and_its_reason(case):
    _, default, statements, rcpt, peer, version, verdict, statement = case
    compiled = compile_policy(policy(default, *statements))
    reason = Reason.DEFAULT if statement is DEFAULT else Reason.STATEMENT
    expected = Decision(Verdict(verdict), reason, statement)
    assert compiled.decide(rcpt, ip_address(peer), version) == expected
    assert compiled.explain(rcpt, ip_address(peer), version).decision == expected


def test_a_message_of_exactly_the_maximum_size_passes():
    compiled = compile_policy(policy("ALLOW", size=1000))
    assert compiled.decide_size(1000)
    assert not compiled.decide_size(1001)


def test_without_a_maximum_every_size_passes():
    assert compile_policy(policy("ALLOW")).decide_size(1 << 40)


def explain(compiled: CompiledPolicy, size_bytes: int = 0) -> Explanation:
    return compiled.explain(A, ip_address(V4), CLEAR, size_bytes)


def test_size_comes_before_every_statement_in_an_explanation():
    compiled = compile_policy(policy("ALLOW", deny(recipient("EQUALS", A)), size=10))
    assert explain(compiled, 11).decision == Decision(Verdict.DENY, Reason.SIZE)
    assert explain(compiled, 10).decision == Decision(Verdict.DENY, Reason.STATEMENT, 0)


def test_an_explanation_tells_of_each_condition_even_behind_the_decision():
    document = policy("ALLOW", deny(recipient("EQUALS", A)), allow(ipv4("192.0.2.0/24"), tls("IS", "TLS1_2")))
    explanation = explain(compile_policy(document))
    assert explanation.to_document() == {
        "Verdict": "DENY",
        "Reason": "STATEMENT",
        "Statement": 0,
        "Statements": [
            {"Action": "DENY", "Holds": True, "Conditions": [{"Attribute": "RECIPIENT", "Operator": "EQUALS", "Values": [A], "Holds": True}]},
            {
                "Action": "ALLOW",
                "Holds": False,
                "Conditions": [
                    {"Attribute": "SENDER_IP", "Operator": "CIDR_MATCHES", "Values": ["192.0.2.0/24"], "Holds": True},
                    {"Attribute": "TLS_PROTOCOL", "Operator": "IS", "Values": ["TLS1_2"], "Holds": False},
                ],
            },
        ],
    }  # fmt: skip


ADD_ON = {"StringExpression": {"Evaluate": {"Analysis": {"Analyzer": "a", "ResultField": "b"}}, "Operator": "EQUALS", "Values": ["x"]}}  # fmt: skip


@pytest.mark.parametrize(
    "condition",
    [ADD_ON, {}, recipient("LIKE", "a"), ipv4("nowhere"), tls("LIKE", "TLS1_2"), tls("IS", "TLS1_1")],
)
def test_a_policy_that_can_not_be_evaluated_whole_is_not_compiled_at_all(condition):
    with pytest.raises(ValueError, match=r".+"):
        compile_policy(policy("ALLOW", deny(condition)))


# --- address lists --------------------------------------------------------------------------------


class SomeLists:
    """Members as they are; lists that aren't here can't be read."""

    def __init__(self, **members: set[str]) -> None:
        self.members = members

    def contains(self, list_id: str, address: str) -> bool:
        if list_id not in self.members:
            raise UnreadableListError(list_id)
        return address in self.members[list_id]


def test_a_list_is_asked_for_the_folded_recipient_as_it_is_at_the_time():
    lists = SomeLists(x={A})
    compiled = compile_policy(
        policy("DENY", allow(in_list("x")), deny(in_list("x", operator="IS_FALSE"))), lists
    )
    assert compiled.list_ids == {"x"}
    assert compiled.decide(A.upper(), CLIENT, None) == Decision(Verdict.ALLOW, Reason.STATEMENT, 0)
    lists.members["x"] = set()
    assert compiled.decide(A, CLIENT, None) == Decision(Verdict.DENY, Reason.STATEMENT, 1)


def test_a_list_is_named_by_its_id_or_arn():
    arn = "arn:aws:ses:us-east-1:123456789012:mailmanager-address-list/x"
    assert (
        compile_policy(policy("DENY", allow(in_list(arn))), SomeLists(x={A})).decide(A, CLIENT, None).verdict
        is Verdict.ALLOW
    )


def test_a_list_that_can_not_be_read_makes_the_verdict_unknown_where_it_hangs_on_it():
    asks = compile_policy(policy("ALLOW", deny(in_list("gone")), deny(recipient("EQUALS", B))), SomeLists())
    assert asks.decide(A, CLIENT, None) == Decision(Verdict.UNKNOWN, Reason.LIST)
    spared = compile_policy(policy("ALLOW", deny(recipient("EQUALS", B)), deny(in_list("gone"))), SomeLists())
    assert spared.decide(B, CLIENT, None) == Decision(Verdict.DENY, Reason.STATEMENT, 0)
    elsewhere = compile_policy(policy("ALLOW", deny(ipv4("198.51.100.0/24"), in_list("gone"))), SomeLists())
    assert elsewhere.decide(A, CLIENT, None).verdict is Verdict.ALLOW


def test_an_explanation_tells_what_can_not_be_told():
    explained = compile_policy(
        policy("ALLOW", deny(in_list("gone")), deny(in_list("gone"), recipient("EQUALS", B))), SomeLists()
    ).explain(A, CLIENT, None)
    assert [statement.holds for statement in explained.statements] == [None, False]
    document = explained.to_document()
    assert (document["Verdict"], document["Reason"]) == ("UNKNOWN", "LIST")
    assert document["Statements"][0]["Conditions"] == [
        {"Attribute": "RECIPIENT", "Operator": "IS_TRUE", "Values": ["gone"], "Holds": None}
    ]


def test_many_statements_about_one_list_ask_it_once():
    asked = []

    class Counting(SomeLists):
        def contains(self, list_id, address):
            asked.append(list_id)
            return super().contains(list_id, address)

    for operator, members in (("IS_TRUE", set()), ("IS_FALSE", {A})):
        statements = [
            deny(in_list("x", operator=operator), recipient("CONTAINS", str(i))) for i in range(200)
        ]
        compiled = compile_policy(policy("ALLOW", *statements), Counting(x=members))
        assert compiled.decide(A, CLIENT, None).verdict is Verdict.ALLOW
    assert asked == ["x", "x"]
