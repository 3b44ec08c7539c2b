"""The conditions of a policy statement: read from the service model's shapes, compiled into tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from addresslists.logic.lookup import Lists
from core.cidr import Address, cidr_matcher
from core.envelope import TlsVersion
from core.expressions import folded_string_matcher
from core.identifiers import resource_name

# Of (folded recipient, peer, TLS version or None for a session in the clear). UnreadableListError.
Test = Callable[[str, Address, TlsVersion | None], bool]


class Attribute(StrEnum):
    RECIPIENT = "RECIPIENT"
    SENDER_IP = "SENDER_IP"
    SENDER_IPV6 = "SENDER_IPV6"
    TLS_PROTOCOL = "TLS_PROTOCOL"


# The member of a PolicyCondition that asks about each attribute.
EXPRESSIONS = {
    "StringExpression": Attribute.RECIPIENT,
    "IpExpression": Attribute.SENDER_IP,
    "Ipv6Expression": Attribute.SENDER_IPV6,
    "TlsExpression": Attribute.TLS_PROTOCOL,
}
IP_VERSIONS = {Attribute.SENDER_IP: 4, Attribute.SENDER_IPV6: 6}

# The operators that ask whether the recipient is in an address list: what it has to be.
LIST_OPERATORS = {"IS_TRUE": True, "IS_FALSE": False}

_TLS_ORDER = (TlsVersion.TLS1_2, TlsVersion.TLS1_3)


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about one recipient of one session; `values` as they were typed: one ID or ARN where
    the operator is of LIST_OPERATORS."""

    attribute: Attribute
    operator: str
    values: tuple[str, ...]


def read_condition(document: Mapping[str, Any]) -> Condition:
    """A PolicyCondition of the service model, in our terms.

    ValueError for a kind that is not evaluated here (add-ons): documents are checked before they are
    stored, so it means one that was written past the services.
    """
    match document:
        case {
            "BooleanExpression": {
                "Evaluate": {"IsInAddressList": {"Attribute": "RECIPIENT", "AddressLists": [named]}},
                "Operator": operator,
            }
        }:
            return Condition(Attribute.RECIPIENT, operator, (named,))
    for member, attribute in EXPRESSIONS.items():
        if expression := document.get(member):
            if expression["Evaluate"].get("Attribute") != attribute:
                break
            values = expression["Values"] if "Values" in expression else [expression["Value"]]
            return Condition(attribute, expression["Operator"], tuple(values))
    raise ValueError(f"a condition that is not evaluated: {', '.join(document) or 'empty'}")


def compile_condition(condition: Condition, lists: Lists) -> Test:
    """ValueError for an unknown operator or a value that its operator can't take."""
    if condition.operator in LIST_OPERATORS:
        return _compile_list(condition, lists)
    if condition.attribute is Attribute.RECIPIENT:
        text_matches = folded_string_matcher(condition.operator, condition.values)
        return lambda recipient, peer, tls: text_matches(recipient)
    if condition.attribute is Attribute.TLS_PROTOCOL:
        accepted = _accepted_versions(condition)
        return lambda recipient, peer, tls: tls in accepted
    peer_matches = cidr_matcher(condition.operator, condition.values)
    return lambda recipient, peer, tls: peer_matches(peer)


def _compile_list(condition: Condition, lists: Lists) -> Test:
    list_id, contains = resource_name(condition.values[0]), lists.contains
    if LIST_OPERATORS[condition.operator]:
        return lambda recipient, peer, tls: contains(list_id, recipient)
    return lambda recipient, peer, tls: not contains(list_id, recipient)


def _accepted_versions(condition: Condition) -> tuple[TlsVersion, ...]:
    """A session in the clear has no version: it reaches no minimum, and is none of them."""
    (value,) = condition.values
    position = _TLS_ORDER.index(TlsVersion(value))
    match condition.operator:
        case "MINIMUM_TLS_VERSION":
            return _TLS_ORDER[position:]
        case "IS":
            return (_TLS_ORDER[position],)
    raise ValueError(f"unknown TLS operator {condition.operator}")
