"""What the conditions of a room can ask about, as a table, and conditions told in words.

A room describes its properties once; its editor (console/attribute_editor.py) and its summary pages
(`in_words`) both follow the table. Documents are conditions of the service model:
`{"StringExpression": {"Evaluate": {"Attribute": "RECIPIENT"}, "Operator": "EQUALS", "Values": ["a@b"]}}`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from core.units import format_size

_MAX_SHOWN_VALUES = 20

Text = str | Promise

STRING_OPERATORS: dict[str, Text] = {
    "EQUALS": gettext_lazy("equals"),
    "NOT_EQUALS": gettext_lazy("does not equal"),
    "STARTS_WITH": gettext_lazy("starts with"),
    "ENDS_WITH": gettext_lazy("ends with"),
    "CONTAINS": gettext_lazy("contains"),
}
IP_OPERATORS: dict[str, Text] = {
    "CIDR_MATCHES": gettext_lazy("is in"),
    "NOT_CIDR_MATCHES": gettext_lazy("is not in"),
}
NUMBER_OPERATORS: dict[str, Text] = {
    "GREATER_THAN": gettext_lazy("is greater than"),
    "GREATER_THAN_OR_EQUAL": gettext_lazy("is at least"),
    "LESS_THAN": gettext_lazy("is less than"),
    "LESS_THAN_OR_EQUAL": gettext_lazy("is at most"),
    "EQUALS": gettext_lazy("equals"),
    "NOT_EQUALS": gettext_lazy("does not equal"),
}
BOOLEAN_OPERATORS: dict[str, Text] = {
    "IS_TRUE": gettext_lazy("is true"),
    "IS_FALSE": gettext_lazy("is false"),
}

LIST_OPERATORS: dict[str, Text] = {
    "IS_TRUE": gettext_lazy("is in address list"),
    "IS_FALSE": gettext_lazy("is not in address list"),
}


class ValueKind(StrEnum):
    """How a property's values are typed, and how they stand in the document."""

    TEXTS = "texts"  # one a line; Values: [text]
    CIDRS = "cidrs"  # one a line; Values: [text]
    HEADER = "header"  # a header's name, and TEXTS; the name is what is evaluated
    CHOICE = "choice"  # one of `choices`; Value: text
    ADDRESS_LIST = "address_list"  # one of `choices`, by its ARN, which stands among what is evaluated
    SIZE = "size"  # "25 MB"; Value: bytes
    NOTHING = "nothing"  # the operator says it all (IS_TRUE); no value


# Kinds whose values are a list.
LISTS = {ValueKind.TEXTS, ValueKind.CIDRS, ValueKind.HEADER}


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that conditions can ask about; `operators`: the model's word → ours.

    `asks`: the member of Evaluate, and its value; for HEADER the value is the name that was typed, for
    ADDRESS_LIST it is the attribute that is looked for in the list.
    `keeps_spaces`: blanks around a text count, as in a subject; else they are slips and cut off.
    `told`: the label in sentences, where it is another one.
    """

    key: str
    label: Text
    expression: str
    operators: Mapping[str, Text]
    kind: ValueKind
    asks: str = "Attribute"
    choices: Mapping[str, Text] = field(default_factory=dict)
    example: Text = ""
    keeps_spaces: bool = False
    told: Text = ""

    def matches(self, condition: Mapping[str, Any]) -> bool:
        """Whether `condition` (a document) asks about this, with one of its operators."""
        expression = condition.get(self.expression)
        if not isinstance(expression, dict) or expression.get("Operator") not in self.operators:
            return False
        evaluate = expression.get("Evaluate")
        if self.kind is ValueKind.HEADER:
            return isinstance(evaluate, dict) and list(evaluate) == [self.asks]
        if self.kind is ValueKind.ADDRESS_LIST:
            asked = evaluate.get("IsInAddressList") if isinstance(evaluate, dict) else None
            return isinstance(asked, dict) and asked.get("Attribute") == self.asks
        return bool(evaluate == {self.asks: self.key})

    def values_of(self, condition: Mapping[str, Any]) -> list[str]:
        """The values of a condition that `matches`, as people read them."""
        expression = condition[self.expression]
        match self.kind:
            case ValueKind.NOTHING:
                return []
            case ValueKind.CHOICE:
                return [str(self.choices.get(expression["Value"], expression["Value"]))]
            case ValueKind.ADDRESS_LIST:
                chosen = self.list_in(condition)
                return [str(self.choices.get(chosen, chosen))]
            case ValueKind.SIZE:
                return [format_size(int(expression["Value"]))]
        return list(expression["Values"])

    def list_in(self, condition: Mapping[str, Any]) -> str:
        """The address list that a condition of this kind names: its ARN where it is one of `choices`,
        by ARN or ID; else as it stands."""
        (named,) = condition[self.expression]["Evaluate"]["IsInAddressList"]["AddressLists"]
        return next((arn for arn in self.choices if arn.endswith(f"/{named}")), str(named))


def list_property(attribute: str, label: Text, choices: Mapping[str, Text]) -> Property:
    """Whether an address is in an address list; `choices`: the lists there are, ARN → name."""
    return Property(
        f"{attribute}_LIST",
        format_lazy(gettext_lazy("{property}: address list"), property=label),
        "BooleanExpression",
        LIST_OPERATORS,
        ValueKind.ADDRESS_LIST,
        asks=attribute,
        choices=choices,
        told=label,
    )


@dataclass(frozen=True, slots=True)
class Words:
    """A condition for reading: “Recipient address” “ends with” “@example.com”, …

    Of a kind that the table lacks `label` is "" and `raw` its JSON.
    """

    label: Text = ""
    header: str = ""
    operator: Text = ""
    values: tuple[str, ...] = ()
    raw: str = ""

    @property
    def shown_values(self) -> tuple[str, ...]:
        return self.values[:_MAX_SHOWN_VALUES]

    @property
    def values_left(self) -> int:
        return len(self.values) - len(self.shown_values)


def in_words(properties: Sequence[Property], documents: Iterable[Mapping[str, Any]]) -> list[Words]:
    """Stored conditions as summary pages tell them (`<c-condition-words :conditions="…" />`)."""
    told = []
    for document in documents:
        known = next((known for known in properties if known.matches(document)), None)
        if known is None:
            told.append(Words(raw=json.dumps(document, ensure_ascii=False)))
            continue
        expression = document[known.expression]
        header = expression["Evaluate"][known.asks] if known.kind is ValueKind.HEADER else ""
        operator = known.operators[expression["Operator"]]
        told.append(Words(known.told or known.label, header, operator, tuple(known.values_of(document))))
    return told
