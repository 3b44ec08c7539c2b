"""A decision stays far from the cost of reading every statement, however long the policy is."""

import sys
from ipaddress import ip_address

import pytest

from policies.logic.evaluate import compile_policy
from tests.policies.documents import deny, in_list, ipv4, policy, recipient

# Function calls, which no busy machine makes more of; asking 1,000 statements takes as many thousands.
MOST_CALLS = 100


KINDS = {
    "EQUALS": lambda i: recipient("EQUALS", f"user{i}@example.com"),
    "STARTS_WITH": lambda i: recipient("STARTS_WITH", "u" * (i % 20) + f"ser{i}@"),
    "ENDS_WITH": lambda i: recipient("ENDS_WITH", "@" + "x" * (i % 20) + f"{i}.example.com"),
    "CONTAINS": lambda i: recipient("CONTAINS", f"word{i}"),
    "CIDR_MATCHES": lambda i: ipv4(f"10.{i % 256}.{i // 256}.0/24"),
    "IS_TRUE": lambda i: in_list("al-1"),
}


class Nobody:
    def contains(self, list_id: str, address: str) -> bool:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_statements_are_not_asked_one_by_one(kind):
    decide = compile_policy(policy("ALLOW", *(deny(KINDS[kind](i)) for i in range(1000))), Nobody()).decide
    peer = ip_address("192.0.2.7")
    calls = []
    sys.setprofile(lambda frame, event, argument: calls.append(event))
    try:
        decide("someone@example.org", peer, None)
    finally:
        sys.setprofile(None)
    assert 0 < len([event for event in calls if event.endswith("call")]) < MOST_CALLS
