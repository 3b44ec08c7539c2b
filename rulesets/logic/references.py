"""What a rule set's rules name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Target(StrEnum):
    """Kinds of things that conditions and actions name."""

    ADDRESS_LIST = "ADDRESS_LIST"
    RELAY = "RELAY"
    MAILBOX = "MAILBOX"
    BUCKET = "BUCKET"
    ROLE = "ROLE"


# The members of actions that name something, as (kind, member) → what.
_NAMING = {
    ("Relay", "Relay"): Target.RELAY,
    ("DeliverToMailbox", "MailboxArn"): Target.MAILBOX,
    ("DeliverToMailbox", "RoleArn"): Target.ROLE,
    ("WriteToS3", "S3Bucket"): Target.BUCKET,
    ("WriteToS3", "RoleArn"): Target.ROLE,
}


@dataclass(frozen=True, slots=True)
class Named:
    """`path` is where: `Rules[2].Actions[0].Relay.Relay`. `name`: ID, name or ARN, as written."""

    path: str
    target: Target
    name: str


def named_in(rules: Sequence[Mapping[str, Any]]) -> Iterator[Named]:
    """Everything that checked rules name, in document order, as often as they do."""
    for position, rule in enumerate(rules):
        for part in ("Conditions", "Unless"):
            for index, condition in enumerate(rule.get(part) or ()):
                match condition:
                    case {
                        "BooleanExpression": {"Evaluate": {"IsInAddressList": {"AddressLists": [str(name)]}}}
                    }:
                        path = f"Rules[{position}].{part}[{index}].BooleanExpression.Evaluate.IsInAddressList"
                        yield Named(f"{path}.AddressLists[0]", Target.ADDRESS_LIST, name)
        for index, action in enumerate(rule["Actions"]):
            for kind, values in action.items():
                for member in values or ():
                    if target := _NAMING.get((kind, member)):
                        path = f"Rules[{position}].Actions[{index}].{kind}.{member}"
                        yield Named(path, target, str(values[member]))


# What must exist when the rules are saved; the rest is looked up when an action runs (SPEC §5).
REQUIRED = frozenset({Target.ADDRESS_LIST, Target.RELAY})


def references_in(rules: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """IDs and ARNs of what must exist when the rules are saved, each once."""
    return tuple(dict.fromkeys(named.name for named in named_in(rules) if named.target in REQUIRED))
