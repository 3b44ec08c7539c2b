"""Random policies: the compiled one says what a plain reading of the rules says."""

from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from core.cidr import Address
from core.envelope import TlsVersion
from policies.logic.evaluate import Decision, Reason, Verdict, compile_policy
from tests.policies.documents import Json, in_list, ipv4, ipv6, policy, recipient, tls

unhurried = settings(deadline=None)  # a busy machine is no failure

# Few letters, so that random texts meet.
texts = st.text("aB@.", min_size=0, max_size=5)
recipients = st.text("aAb@.", min_size=1, max_size=8)
ipv4_peers = st.sampled_from(["10.0.0.1", "10.0.1.1", "10.128.0.1", "192.0.2.1"])
ipv6_peers = st.sampled_from(["2001:db8::1", "2001:db8:1::1", "fe80::1", "::ffff:10.0.0.1"])
ipv4_networks = st.tuples(ipv4_peers, st.sampled_from([0, 8, 9, 24, 32]))
ipv6_networks = st.tuples(
    st.sampled_from(["2001:db8::1", "fe80::1", "::"]), st.sampled_from([0, 10, 32, 48, 128])
)
cidr_operators = st.sampled_from(["CIDR_MATCHES", "NOT_CIDR_MATCHES"])


def cidrs(networks: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(
        networks.map(lambda pair: str(ip_network(f"{pair[0]}/{pair[1]}", strict=False))),
        min_size=1,
        max_size=3,
    )


conditions = st.one_of(
    st.builds(
        lambda operator, values: recipient(operator, *values),
        st.sampled_from(["EQUALS", "NOT_EQUALS", "STARTS_WITH", "ENDS_WITH", "CONTAINS"]),
        st.lists(texts, min_size=1, max_size=4),
    ),
    st.builds(
        lambda operator, values: ipv4(*values, operator=operator), cidr_operators, cidrs(ipv4_networks)
    ),
    st.builds(
        lambda operator, values: ipv6(*values, operator=operator), cidr_operators, cidrs(ipv6_networks)
    ),
    st.builds(tls, st.sampled_from(["MINIMUM_TLS_VERSION", "IS"]), st.sampled_from(list(TlsVersion))),
    st.builds(
        lambda named, operator: in_list(named, operator=operator),
        st.sampled_from(["al-a", "al-b"]),
        st.sampled_from(["IS_TRUE", "IS_FALSE"]),
    ),
)


class LettersLists:
    """`al-a` has every recipient with an a in it, `al-b` those with a b."""

    def contains(self, list_id: str, address: str) -> bool:
        return list_id.removeprefix("al-") in address


LISTS = LettersLists()
actions = st.sampled_from(["ALLOW", "DENY"])
statements = st.fixed_dictionaries(
    {"Action": actions, "Conditions": st.lists(conditions, min_size=1, max_size=3)}
)
policies = st.builds(lambda default, them: policy(default, *them), actions, st.lists(statements, max_size=12))
# Enough CONTAINS of enough letters that they are filed by their pieces.
many_contains = st.builds(
    lambda default, values, rest: policy(
        default, *({"Action": "DENY", "Conditions": [recipient("CONTAINS", *pair)]} for pair in values), *rest
    ),
    actions,
    st.lists(
        st.lists(st.text("aB@.", min_size=2, max_size=5), min_size=1, max_size=2), min_size=31, max_size=40
    ),
    st.lists(statements, max_size=3),
)
peers = st.one_of(ipv4_peers, ipv6_peers).map(ip_address)
versions = st.sampled_from([None, *TlsVersion])


def says(condition: Json, rcpt: str, peer: Address, version: TlsVersion | None) -> bool:
    """One condition, read straight from its document."""
    ((kind, expression),) = condition.items()
    operator, rcpt = expression["Operator"], rcpt.lower()
    peer = getattr(peer, "ipv4_mapped", None) or peer
    if kind == "TlsExpression":
        wanted = TlsVersion(expression["Value"])
        return version is not None and (version == wanted if operator == "IS" else version >= wanted)
    if kind == "BooleanExpression":
        (named,) = expression["Evaluate"]["IsInAddressList"]["AddressLists"]
        return LISTS.contains(named, rcpt) is (operator == "IS_TRUE")
    if kind == "StringExpression":
        values = [value.lower() for value in expression["Values"]]
        found = {
            "EQUALS": rcpt in values,
            "NOT_EQUALS": rcpt in values,
            "STARTS_WITH": any(rcpt.startswith(value) for value in values),
            "ENDS_WITH": any(rcpt.endswith(value) for value in values),
            "CONTAINS": any(value in rcpt for value in values),
        }[operator]
    else:
        found = any(peer in ip_network(value) for value in expression["Values"])
    return not found if operator.startswith("NOT_") else found


def decide_plainly(document: Json, rcpt: str, peer: Address, version: TlsVersion | None) -> Decision:
    for action in ("DENY", "ALLOW"):
        for number, statement in enumerate(document["PolicyStatements"]):
            if statement["Action"] == action and all(
                says(c, rcpt, peer, version) for c in statement["Conditions"]
            ):
                return Decision(Verdict(action), Reason.STATEMENT, number)
    return Decision(Verdict(document["DefaultAction"]), Reason.DEFAULT)


@unhurried
@given(policies, recipients, peers, versions)
def test_a_compiled_policy_says_what_a_plain_reading_says(document, rcpt, peer, version):
    assert compile_policy(document, LISTS).decide(rcpt, peer, version) == decide_plainly(
        document, rcpt, peer, version
    )


@unhurried
@given(many_contains, recipients, peers, versions)
def test_texts_filed_by_their_pieces_are_found_as_well(document, rcpt, peer, version):
    assert compile_policy(document, LISTS).decide(rcpt, peer, version) == decide_plainly(
        document, rcpt, peer, version
    )


@unhurried
@given(policies, st.randoms(use_true_random=False), recipients, peers, versions)
def test_the_verdict_does_not_depend_on_the_order_of_statements_or_conditions(
    document, random, rcpt, peer, version
):
    shuffled = [
        dict(statement, Conditions=random.sample(statement["Conditions"], len(statement["Conditions"])))
        for statement in document["PolicyStatements"]
    ]
    random.shuffle(shuffled)
    before = compile_policy(document, LISTS).decide(rcpt, peer, version)
    after = compile_policy(document | {"PolicyStatements": shuffled}, LISTS).decide(rcpt, peer, version)
    assert (after.verdict, after.reason) == (before.verdict, before.reason)


@unhurried
@given(policies, recipients, peers, versions)
def test_an_explanation_agrees_with_its_decision(document, rcpt, peer, version):
    explanation = compile_policy(document, LISTS).explain(rcpt, peer, version)
    for result, statement in zip(explanation.statements, document["PolicyStatements"], strict=True):
        assert [c.holds for c in result.conditions] == [
            says(c, rcpt, peer, version) for c in statement["Conditions"]
        ]
    holding = [
        result
        for result in explanation.statements
        if result.holds and result.action is explanation.decision.verdict
    ]
    if explanation.decision.reason is Reason.STATEMENT:
        assert holding[0].statement == explanation.decision.statement
    else:
        assert not any(result.holds for result in explanation.statements)
