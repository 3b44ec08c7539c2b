"""The conditions of a rule: read from the service model's shapes, compiled into tests.

A property may have several values (the addresses of To, an X- field that is there twice): a condition
holds if any of them fits, a NOT_… one if none of them is meant. A property that isn't there has none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from addresslists.logic.lookup import Lists
from core.addresses import unicode_domain
from core.cidr import Address, cidr_matcher
from core.envelope import CertificateAttribute, ClientCertificate, Envelope
from core.expressions import fold, folded_string_matcher, number_matcher
from core.identifiers import resource_name
from core.message import Message

NULL_REVERSE_PATH = "<>"  # how a value says it: a value can't be empty


class Attribute(StrEnum):
    """What can be asked about, beside a CertificateAttribute, and X- fields by their own name; no two of
    these are spelled alike."""

    FROM = "FROM"
    TO = "TO"
    CC = "CC"
    SENDER = "SENDER"
    MAIL_FROM = "MAIL_FROM"
    RECIPIENT = "RECIPIENT"
    SUBJECT = "SUBJECT"
    HELO = "HELO"
    SOURCE_IP = "SOURCE_IP"
    MESSAGE_SIZE = "MESSAGE_SIZE"
    TLS = "TLS"


STRING_ATTRIBUTES = frozenset(Attribute) - {Attribute.SOURCE_IP, Attribute.MESSAGE_SIZE, Attribute.TLS}
ADDRESS_ATTRIBUTES = STRING_ATTRIBUTES - {Attribute.SUBJECT, Attribute.HELO}
# The operators of an address attribute that ask whether it is in an address list: what it has to be.
LIST_OPERATORS = {"IS_TRUE": True, "IS_FALSE": False}


_READERS: dict[str, Callable[[Envelope, Message], tuple[str, ...]]] = {
    Attribute.FROM: lambda envelope, message: message.from_,
    Attribute.TO: lambda envelope, message: message.to,
    Attribute.CC: lambda envelope, message: message.cc,
    Attribute.SENDER: lambda envelope, message: message.sender,
    Attribute.SUBJECT: lambda envelope, message: (message.subject,),
    Attribute.MAIL_FROM: lambda envelope, message: (unicode_domain(envelope.reverse_path),),
    Attribute.HELO: lambda envelope, message: (envelope.helo,),
}
_CERTIFICATE_ATTRIBUTES = frozenset(CertificateAttribute)
_NO_CERTIFICATE = ClientCertificate("")


def _certificate_values(envelope: Envelope, attribute: str) -> tuple[str, ...]:
    return (envelope.client_certificate or _NO_CERTIFICATE).attributes.get(attribute, ())


class Facts:
    """What conditions ask of one message. Each property is looked up and folded once."""

    def __init__(self, envelope: Envelope, message: Message) -> None:
        self.envelope = envelope
        self.message = message
        self._texts: dict[str, tuple[str, ...]] = {}

    def texts(self, attribute: str) -> tuple[str, ...]:
        """The folded values of a property of the whole message."""
        if attribute not in self._texts:
            self._texts[attribute] = tuple(fold(text) for text in self._read(attribute))
        return self._texts[attribute]

    def _read(self, attribute: str) -> tuple[str, ...]:
        if read := _READERS.get(attribute):
            return read(self.envelope, self.message)
        if attribute in _CERTIFICATE_ATTRIBUTES:
            return _certificate_values(self.envelope, attribute)
        return self.message.header(attribute)

    @cached_property
    def peer(self) -> Address | None:
        """None where the address is unknown; it is in no network then."""
        try:
            return ip_address(self.envelope.peer_address)
        except ValueError:
            return None


def fold_address(address: str) -> str:
    """An address as conditions compare it: domain in Unicode, case folded."""
    return fold(unicode_domain(address))


# Of (the message's facts, one folded recipient).
Test = Callable[[Facts, str], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One question; `attribute` is an Attribute, a CertificateAttribute or the name of an X- field,
    `values` are as typed: one ID or ARN where an address is looked for in a list."""

    attribute: str
    operator: str
    values: tuple[str | float, ...]

    def to_document(self) -> dict[str, Any]:
        """For the trace: JSON types only, bounded."""
        shown = [_shortened(value) for value in self.values[:_SHOWN_VALUES]]
        if len(self.values) > _SHOWN_VALUES:
            shown.append("…")
        return {"Attribute": str(self.attribute), "Operator": self.operator, "Values": shown}


_SHOWN_VALUES = 3  # of ten with 4,096 characters each, in every event of every message
_SHOWN_CHARACTERS = 100


def _shortened(value: str | float) -> str | float:
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return value[:_SHOWN_CHARACTERS] + "…"
    return value


def read_condition(document: Mapping[str, Any]) -> Condition:
    """A RuleCondition of the service model, in our terms.

    ValueError or KeyError for one that is not evaluated here: documents are checked before they are
    stored, so it means one that was written past the services.
    """
    match document:
        case {"StringExpression": {"Evaluate": asked, "Operator": operator, "Values": values}}:
            return Condition(_asked_about(asked), operator, tuple(values))
        case {"NumberExpression": {"Evaluate": asked, "Operator": operator, "Value": value}}:
            return Condition(Attribute(asked["Attribute"]), operator, (value,))
        case {"IpExpression": {"Evaluate": asked, "Operator": operator, "Values": values}}:
            return Condition(Attribute(asked["Attribute"]), operator, tuple(values))
        case {"BooleanExpression": {"Evaluate": {"Attribute": "TLS"}, "Operator": operator}}:
            return Condition(Attribute.TLS, operator, ())
        case {
            "BooleanExpression": {
                "Evaluate": {"IsInAddressList": {"Attribute": asked, "AddressLists": [named]}},
                "Operator": operator,
            }
        }:
            return Condition(Attribute(asked), operator, (named,))
    raise ValueError(f"a condition that is not evaluated: {', '.join(document) or 'empty'}")


def _asked_about(evaluate: Mapping[str, Any]) -> str:
    match evaluate:
        case {"MimeHeaderAttribute": str(name)}:
            return name
        case {"ClientCertificateAttribute": name}:
            return CertificateAttribute(name)
    return Attribute(evaluate["Attribute"])


def asks_list(condition: Condition) -> bool:
    """Whether an address is looked for in a list: the one that is the only value."""
    return condition.operator in LIST_OPERATORS and condition.attribute in ADDRESS_ATTRIBUTES


def compile_condition(condition: Condition, lists: Lists) -> Test:
    """ValueError for an unknown operator or a value that its operator can't take."""
    match condition.attribute:
        case Attribute.SOURCE_IP:
            return _compile_peer(condition)
        case Attribute.MESSAGE_SIZE:
            (value,) = condition.values
            fits = number_matcher(condition.operator, float(value))
            return lambda facts, recipient: fits(facts.envelope.size_bytes)
        case Attribute.TLS:
            wanted = {"IS_TRUE": True, "IS_FALSE": False}.get(condition.operator)
            if wanted is None:
                raise ValueError(f"unknown boolean operator {condition.operator}")
            return lambda facts, recipient: (facts.envelope.tls_version is not None) is wanted
    if asks_list(condition):
        return _compile_list(condition, lists)
    return _compile_text(condition)


def _compile_list(condition: Condition, lists: Lists) -> Test:
    """Of several addresses any may be in the list; IS_FALSE: none may. UnreadableListError."""
    list_id, contains = resource_name(str(condition.values[0])), lists.contains
    attribute, wanted = condition.attribute, LIST_OPERATORS[condition.operator]
    if attribute == Attribute.RECIPIENT:
        return lambda facts, recipient: contains(list_id, recipient) is wanted
    return lambda facts, recipient: any(contains(list_id, text) for text in facts.texts(attribute)) is wanted


def _compile_text(condition: Condition) -> Test:
    values = [str(value) for value in condition.values]
    if condition.attribute in ADDRESS_ATTRIBUTES:
        values = [unicode_domain(value) for value in values]
    if condition.attribute == Attribute.MAIL_FROM:
        values = ["" if value == NULL_REVERSE_PATH else value for value in values]
    fits = folded_string_matcher(condition.operator, values)
    attribute = condition.attribute
    if attribute == Attribute.RECIPIENT:
        return lambda facts, recipient: fits(recipient)
    if condition.operator.startswith("NOT_"):
        return lambda facts, recipient: all(map(fits, facts.texts(attribute)))
    return lambda facts, recipient: any(map(fits, facts.texts(attribute)))


def _compile_peer(condition: Condition) -> Test:
    fits = cidr_matcher(condition.operator, map(str, condition.values))
    in_none = condition.operator.startswith("NOT_")

    def test(facts: Facts, recipient: str) -> bool:
        return in_none if facts.peer is None else fits(facts.peer)

    return test
