"""What is wrong with a traffic policy's document, before it is stored.

Shapes, enums and required members are the service model's (core.service_model). Ours on top: CIDRs
that mean what they say, values that can match, the limits, and kinds of conditions that aren't built.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from core import service_model
from core.cidr import cidr_complaint
from core.errors import Problem

MAX_PROBLEMS = 100  # nobody reads more, and a document of 10,000 wrong values has as many
MAX_VALUE_LENGTH = 4096  # characters; the service model gives it to the values of rules
MAX_SIZE_BYTES = 2**31 - 1  # the service model's integer has 32 bits

# Members of a PolicyCondition, and the IP version that their values must have.
_IP_MEMBERS = {"IpExpression": 4, "Ipv6Expression": 6}
_CIDR_PATH = re.compile(r".*\.(IpExpression|Ipv6Expression)\.Values\[\d+\]")
# What an expression may evaluate that is not evaluated here yet, as it is refused.
_NOT_BUILT = {
    "Analysis": "asks for an add-on's analysis; conditions on add-ons are not available yet",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    statements: int | None = None
    conditions: int | None = None  # in each statement


NO_LIMITS = Limits()


def check_document(document: Any, limits: Limits = NO_LIMITS) -> list[Problem]:
    """Problems of a policy's document (DefaultAction, PolicyStatements, MaxMessageSizeBytes), in its order.

    Paths are the document's: `PolicyStatements[0].Conditions[1].IpExpression.Values[2]`. [] means that
    `compile_policy` takes it. At most MAX_PROBLEMS. Any JSON value is a legal argument.
    """
    if not isinstance(document, Mapping):
        return [Problem("", "must be an object")]
    return list(islice(_check_document(document, limits), MAX_PROBLEMS))


def _check_document(document: Mapping[str, Any], limits: Limits) -> Iterator[Problem]:
    known = ("DefaultAction", "MaxMessageSizeBytes", "PolicyStatements")
    for name in document:
        if name not in known:
            yield Problem(str(name), f"is not known here; known are {', '.join(known)}")
    if document.get("DefaultAction") is None:
        yield Problem("DefaultAction", "is required")
    else:
        yield from service_model.problems("AcceptAction", document["DefaultAction"], path="DefaultAction")
    if document.get("MaxMessageSizeBytes") is not None:
        yield from _check_size(document["MaxMessageSizeBytes"])
    if document.get("PolicyStatements") is not None:
        yield from check_statements(document["PolicyStatements"], limits)


def _check_size(size_bytes: Any) -> Iterator[Problem]:
    yield from service_model.problems("MaxMessageSizeBytes", size_bytes, path="MaxMessageSizeBytes")
    if isinstance(size_bytes, int) and size_bytes > MAX_SIZE_BYTES:
        yield Problem("MaxMessageSizeBytes", f"must be at most {MAX_SIZE_BYTES:,}")


def check_statements(
    statements: Any, limits: Limits = NO_LIMITS, *, path: str = "PolicyStatements"
) -> Iterator[Problem]:
    """As `check_document`, of the statements alone; lazily, and without a bound on the problems."""
    for problem in service_model.problems("PolicyStatementList", statements, path=path):
        # The model's pattern for a CIDR fills a page and says nothing; ours are said below.
        if not (_CIDR_PATH.fullmatch(problem.path) and problem.message.startswith("must match")):
            yield problem
    if not isinstance(statements, list):
        return
    if limits.statements is not None and len(statements) > limits.statements:
        yield Problem(path, f"must have at most {limits.statements:,} statements; it has {len(statements):,}")
    for index, statement in enumerate(statements):
        conditions = statement.get("Conditions") if isinstance(statement, dict) else None
        if not isinstance(conditions, list):
            continue
        place = f"{path}[{index}].Conditions"
        if limits.conditions is not None and len(conditions) > limits.conditions:
            yield Problem(
                place, f"must have at most {limits.conditions:,} conditions; it has {len(conditions):,}"
            )
        for number, condition in enumerate(conditions):
            if isinstance(condition, dict):
                yield from _check_condition(condition, f"{place}[{number}]")


def _check_condition(condition: dict[str, Any], path: str) -> Iterator[Problem]:
    for member, expression in condition.items():
        if not isinstance(expression, dict):
            continue
        asked = expression.get("Evaluate")
        for kind in asked if isinstance(asked, dict) else ():
            if kind in _NOT_BUILT:
                yield Problem(f"{path}.{member}.Evaluate.{kind}", _NOT_BUILT[kind])
        values = expression.get("Values")
        if isinstance(values, list):
            yield from _check_values(values, f"{path}.{member}.Values", _IP_MEMBERS.get(member))


def _check_values(values: list[Any], path: str, ip_version: int | None) -> Iterator[Problem]:
    if not values:
        # DEVIATION: the service model takes none; such a condition would hold for all or for nobody.
        yield Problem(path, "must have at least 1 value")
    for index, value in enumerate(values):
        if not isinstance(value, str):
            continue  # the model has said so
        complaint = cidr_problem(value, ip_version) if ip_version else text_problem(value)
        if complaint:
            yield Problem(f"{path}[{index}]", complaint)


def cidr_problem(value: str, ip_version: int) -> str:
    """What is wrong with the CIDR; "" where nothing is."""
    if len(value) > MAX_VALUE_LENGTH:
        return "is too long for an IP range"
    if complaint := cidr_complaint(value, version=ip_version):
        return complaint
    if service_model.problems("Ipv4Cidr" if ip_version == 4 else "Ipv6Cidr", value):
        return f"“{value}” must be written in groups of hexadecimal digits alone, like 2001:db8::/32"
    return ""


def text_problem(value: str) -> str:
    """What is wrong with a text to compare recipients with; "" where nothing is.

    DEVIATION: the service model takes any text. An empty one is part of every recipient, and control
    characters are in none (RFC 5321 §4.1.2); both are slips.
    """
    if not value.strip():
        return "is empty"
    if len(value) > MAX_VALUE_LENGTH:
        return f"must have at most {MAX_VALUE_LENGTH:,} characters"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "has a control character in it"
    return ""
