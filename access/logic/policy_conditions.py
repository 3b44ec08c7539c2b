"""Condition operators of policy documents (IAM User Guide, “Condition operators”, “Set operators”).

One table names them all; everything else in a Condition is refused when the document is saved.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from access.logic.policy_text import Context, expand, literal, matches_arn, matches_wildcards

_SET_OPERATORS = ("ForAllValues", "ForAnyValue")
_IF_EXISTS = "IfExists"


def _equals(pattern: str, value: str) -> bool:
    return literal(pattern) == value


def _equals_ignoring_case(pattern: str, value: str) -> bool:
    return literal(pattern).casefold() == value.casefold()


def _is_within(pattern: str, value: str) -> bool:
    try:
        network, address = ip_network(literal(pattern), strict=False), ip_address(value)
    except ValueError:
        return False
    return address.version == network.version and address in network


def parse_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse_date(text: str) -> datetime | None:
    """ISO 8601, or seconds since 1970; without a zone it is UTC."""
    number = parse_number(text)
    try:
        moment = datetime.fromtimestamp(number, UTC) if number is not None else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number_test(test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def is_met(pattern: str, value: str) -> bool:
        wanted, given = parse_number(literal(pattern)), parse_number(value)
        return wanted is not None and given is not None and test(given, wanted)

    return is_met


def _date_test(test: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    def is_met(pattern: str, value: str) -> bool:
        wanted, given = parse_date(literal(pattern)), parse_date(value)
        return wanted is not None and given is not None and test(given, wanted)

    return is_met


@dataclass(frozen=True, slots=True)
class Operator:
    """`test(pattern, value)`; a negated operator holds where no pattern passes it, or the key is missing.

    `accepts`: whether a literal value can ever be compared; what can't is refused when saved.
    """

    test: Callable[[str, str], bool]
    is_negated: bool = False
    accepts: Callable[[str], bool] = lambda text: True
    wanted: str = "text"


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _number(test: Callable[[float, float], bool], *, is_negated: bool = False) -> Operator:
    return Operator(_number_test(test), is_negated, lambda text: parse_number(text) is not None, "a number")


def _date(test: Callable[[datetime, datetime], bool], *, is_negated: bool = False) -> Operator:
    return Operator(
        _date_test(test), is_negated, lambda text: parse_date(text) is not None, "an ISO 8601 date"
    )


def _is_boolean(text: str) -> bool:
    return text.casefold() in ("true", "false")


OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_equals),
    "StringNotEquals": Operator(_equals, is_negated=True),
    "StringEqualsIgnoreCase": Operator(_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(_equals_ignoring_case, is_negated=True),
    "StringLike": Operator(matches_wildcards),
    "StringNotLike": Operator(matches_wildcards, is_negated=True),
    # “ArnEquals and ArnLike behave identically.”
    "ArnEquals": Operator(matches_arn),
    "ArnLike": Operator(matches_arn),
    "ArnNotEquals": Operator(matches_arn, is_negated=True),
    "ArnNotLike": Operator(matches_arn, is_negated=True),
    "Bool": Operator(_equals_ignoring_case, accepts=_is_boolean, wanted="true or false"),
    "IpAddress": Operator(_is_within, accepts=_is_network, wanted="an IP address or CIDR range"),
    "NotIpAddress": Operator(_is_within, True, _is_network, "an IP address or CIDR range"),
    "NumericEquals": _number(lambda given, wanted: given == wanted),
    "NumericNotEquals": _number(lambda given, wanted: given == wanted, is_negated=True),
    "NumericLessThan": _number(lambda given, wanted: given < wanted),
    "NumericLessThanEquals": _number(lambda given, wanted: given <= wanted),
    "NumericGreaterThan": _number(lambda given, wanted: given > wanted),
    "NumericGreaterThanEquals": _number(lambda given, wanted: given >= wanted),
    "DateEquals": _date(lambda given, wanted: given == wanted),
    "DateNotEquals": _date(lambda given, wanted: given == wanted, is_negated=True),
    "DateLessThan": _date(lambda given, wanted: given < wanted),
    "DateLessThanEquals": _date(lambda given, wanted: given <= wanted),
    "DateGreaterThan": _date(lambda given, wanted: given > wanted),
    "DateGreaterThanEquals": _date(lambda given, wanted: given >= wanted),
}
NULL_OPERATOR = "Null"


@dataclass(frozen=True, slots=True)
class OperatorName:
    """`ForAnyValue:StringLikeIfExists`, taken apart."""

    set_operator: str  # "", "ForAllValues" or "ForAnyValue"
    base: str
    is_if_exists: bool


def parse_operator(name: str) -> OperatorName | None:
    """The parts, or None where there is no such operator."""
    set_operator, colon, rest = name.partition(":")
    if not colon:
        set_operator, rest = "", name
    elif set_operator not in _SET_OPERATORS:
        return None
    is_if_exists = rest.endswith(_IF_EXISTS)
    base = rest.removesuffix(_IF_EXISTS)
    if base == NULL_OPERATOR:
        return None if is_if_exists or set_operator else OperatorName("", base, is_if_exists=False)
    return OperatorName(set_operator, base, is_if_exists) if base in OPERATORS else None


def holds(
    name: OperatorName, key: str, patterns: tuple[str, ...], context: Context, *, has_variables: bool = True
) -> bool:
    """Whether the condition `{name: {key: patterns}}` holds for a request with `context`.

    `has_variables`: False for documents of the older Version, which take `${…}` literally.
    """
    values = context.get(key.casefold(), ())
    if name.base == NULL_OPERATOR:
        return any((pattern.casefold() == "true") == (not values) for pattern in patterns)
    operator = OPERATORS[name.base]
    if not values:
        # ForAllValues of nothing holds; a negated operator holds for a key that isn't there.
        return (
            name.is_if_exists
            or name.set_operator == "ForAllValues"
            or (operator.is_negated and name.set_operator != "ForAnyValue")
        )
    filled = (expand(text, context) for text in patterns) if has_variables else iter(patterns)
    expanded = [pattern for pattern in filled if pattern is not None]

    def passes(value: str) -> bool:
        return any(operator.test(pattern, value) for pattern in expanded) != operator.is_negated

    # Without a set operator a negated condition must hold for all that the request carries.
    if name.set_operator == "ForAllValues" or (not name.set_operator and operator.is_negated):
        return all(map(passes, values))
    return any(map(passes, values))
