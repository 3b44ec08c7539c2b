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


class ValueKind(StrEnum):
    """How a property's values are typed, and how they stand in the document."""

    TEXTS = "texts"  # one a line; Values: [text]
    CIDRS = "cidrs"  # one a line; Values: [text]
    HEADER = "header"  # a header's name, and TEXTS; the name is what is evaluated
    CHOICE = "choice"  # one of `choices`; Value: text
    SIZE = "size"  # "25 MB"; Value: bytes
    NOTHING = "nothing"  # the operator says it all (IS_TRUE); no value


# Kinds whose values are a list.
LISTS = {ValueKind.TEXTS, ValueKind.CIDRS, ValueKind.HEADER}


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that conditions can ask about; `operators`: the model's word → ours.

    `asks`: the member of Evaluate, and its value; for HEADER the value is the name that was typed.
    `keeps_spaces`: blanks around a text count, as in a subject; else they are slips and cut off.
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

    def matches(self, condition: Mapping[str, Any]) -> bool:
        """Whether `condition` (a document) asks about this, with one of its operators."""
        expression = condition.get(self.expression)
        if not isinstance(expression, dict) or expression.get("Operator") not in self.operators:
            return False
        evaluate = expression.get("Evaluate")
        if self.kind is ValueKind.HEADER:
            return isinstance(evaluate, dict) and list(evaluate) == [self.asks]
        return bool(evaluate == {self.asks: self.key})

    def values_of(self, condition: Mapping[str, Any]) -> list[str]:
        """The values of a condition that `matches`, as people read them."""
        expression = condition[self.expression]
        match self.kind:
            case ValueKind.NOTHING:
                return []
            case ValueKind.CHOICE:
                return [str(self.choices.get(expression["Value"], expression["Value"]))]
            case ValueKind.SIZE:
                return [format_size(int(expression["Value"]))]
        return list(expression["Values"])


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
        told.append(Words(known.label, header, operator, tuple(known.values_of(document))))
    return told
