"""The operators of the service model, compiled once into functions: shared by policies and rule sets.

Several values are alternatives: any may match; for the NOT_… operators none may.
Case never counts.
"""

import operator as operators
import unicodedata
from collections.abc import Callable, Iterable

StringMatcher = Callable[[str], bool]
NumberMatcher = Callable[[float], bool]


def fold(text: str) -> str:
    """`text` as it is compared: without case, and equal where Unicode says it is the same text
    (canonical caseless matching, Unicode §3.13 D145, composed)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def string_matcher(operator: str, values: Iterable[str]) -> StringMatcher:
    """A function of any text. ValueError for an unknown operator.

    Who asks many questions about one text folds it once and uses `folded_string_matcher`.
    """
    matches = folded_string_matcher(operator, values)
    return lambda text: matches(fold(text))


def folded_string_matcher(operator: str, values: Iterable[str]) -> StringMatcher:
    """Like `string_matcher`, but of text that went through `fold` already."""
    folded = tuple(dict.fromkeys(map(fold, values)))
    match operator:
        case "EQUALS":
            return frozenset(folded).__contains__
        case "NOT_EQUALS":
            texts = frozenset(folded)
            return lambda text: text not in texts
        case "STARTS_WITH":
            return lambda text: text.startswith(folded)
        case "ENDS_WITH":
            return lambda text: text.endswith(folded)
        case "CONTAINS" if len(folded) == 1:
            (only,) = folded
            return lambda text: only in text
        case "CONTAINS":
            return lambda text: any(value in text for value in folded)
    raise ValueError(f"unknown string operator {operator}")


_NUMBER_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "EQUALS": operators.eq,
    "NOT_EQUALS": operators.ne,
    "LESS_THAN": operators.lt,
    "GREATER_THAN": operators.gt,
    "LESS_THAN_OR_EQUAL": operators.le,
    "GREATER_THAN_OR_EQUAL": operators.ge,
}


def number_matcher(operator: str, value: float) -> NumberMatcher:
    """A function of a number, compared with `value`. ValueError for an unknown operator."""
    if operator not in _NUMBER_OPERATORS:
        raise ValueError(f"unknown number operator {operator}")
    compare = _NUMBER_OPERATORS[operator]
    return lambda number: compare(number, value)
