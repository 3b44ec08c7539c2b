"""Whatever the rules: nobody is lost, and each recipient fares as if it were alone."""

from hypothesis import given
from hypothesis import strategies as st

from core.message import Message
from rulesets.logic.compile import compile_rule_set
from rulesets.logic.delivery import held_back
from tests.rulesets.documents import (
    DROP,
    MAIL,
    add_header,
    bucket,
    envelope,
    recipient,
    relay,
    rewrite,
    rule,
    rules,
    text,
    tls,
)

addresses = st.sampled_from([f"{name}@y.example" for name in "abcdef"])
recipients = st.lists(addresses, min_size=1, max_size=6, unique=True)
conditions = st.one_of(
    st.builds(
        lambda values, operator: recipient(*values, operator=operator),
        recipients,
        st.sampled_from(["EQUALS", "NOT_EQUALS"]),
    ),
    st.sampled_from(
        [tls(), tls("IS_FALSE"), text("SUBJECT", "CONTAINS", "ann"), text("X-None", "EQUALS", "x")]
    ),
)
policies = st.sampled_from([{}, {"ActionFailurePolicy": "DROP"}])
actions = st.one_of(
    st.just(DROP),
    st.builds(add_header, st.just("X-A"), st.sampled_from("12")),
    st.builds(lambda to: rewrite(*to), st.lists(addresses, min_size=1, max_size=3)),
    st.builds(lambda policy: relay(**policy), policies),
    st.builds(lambda policy: bucket(**policy), policies),
)
broken: st.SearchStrategy[object] = st.just({"Actions": [{"Archive": {}}]})
sound_rules = st.builds(
    lambda when, unless, those: rule(*those, when=when, unless=unless),
    st.lists(conditions, max_size=2),
    st.lists(conditions, max_size=1),
    st.lists(actions, min_size=1, max_size=3),
)
sound_sets = st.lists(sound_rules, max_size=6)
any_sets = st.lists(st.one_of(sound_rules, broken), max_size=6)


def plan(those, to):
    return compile_rule_set(rules(*those)).plan(envelope(*to), Message(MAIL))


def origins_of(delivery):
    return {*delivery.origins, *(origin for _recipient, origin in delivery.shared_origins)}


@given(any_sets, recipients)
def test_nobody_is_lost(those, to):
    made = plan(those, to)
    delivered = set().union(*map(origins_of, made.deliveries))
    assert {*made.dropped, *made.unhandled, *made.failed, *delivered} == set(to)


@given(any_sets, recipients)
def test_positions_recipients_and_waits_are_in_order(those, to):
    made = plan(those, to)
    for position, delivery in enumerate(made.deliveries):
        assert delivery.position == position
        assert len(delivery.recipients) == len(delivery.origins) == len(set(delivery.recipients)) > 0
        assert all(before < position for before in delivery.after)


def copies(made):
    """What each forward-path's mail comes to: (origin, kind, recipient, headers, rule, action)."""
    found = set()
    for delivery in made.deliveries:
        rest = (delivery.kind, delivery.added_headers, delivery.rule, delivery.action_index)
        pairs = [*zip(delivery.recipients, delivery.origins, strict=True), *delivery.shared_origins]
        found |= {(origin, to, *rest) for to, origin in pairs}
    return found


@given(any_sets, recipients)
def test_each_recipient_fares_as_if_it_were_alone(those, to):
    together, alone = plan(those, to), [plan(those, [one]) for one in to]
    assert copies(together) == set().union(*map(copies, alone))
    assert set(together.dropped) == {path for made in alone for path in made.dropped}
    assert set(together.unhandled) == {path for made in alone for path in made.unhandled}
    assert set(together.failed) == {path for made in alone for path in made.failed}


@given(sound_sets, addresses, st.integers(0, 10))
def test_a_failure_that_ends_things_holds_back_all_that_comes_after(those, to, which):
    made = plan(those, [to])
    blocking = [delivery for delivery in made.deliveries if delivery.failure_policy == "DROP"]
    if not blocking:
        return
    failing = blocking[which % len(blocking)]
    for delivery in made.deliveries:
        if failing.position in delivery.after:
            held = held_back(delivery, failing, failing.recipients)
            assert held == set(delivery.recipients)
            assert held_back(delivery, failing, ()) == set()
