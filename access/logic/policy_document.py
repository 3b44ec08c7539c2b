"""Policy documents as they are written: what may stand in one, and where it does not.

A resource policy (secret, key) says who: it has a Principal. A permissions policy (role) says on
what: it has a Resource and no Principal. What is unknown is refused when it is saved, since a
document that is half understood protects less than it says.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from access.logic.policy_conditions import NULL_OPERATOR, OPERATORS, OperatorName, parse_operator
from core.errors import Invalid, Problem

MAX_DOCUMENT_BYTES = 32 * 1024  # a key policy's bound on the service; a secret's is 20 KB
MAX_STATEMENTS = 100

VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT_ELEMENTS = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_PRINCIPAL_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
# action = "*" / service ":" name ; name with wildcards
_ACTION = re.compile(r"\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+")
_CONDITION_KEY = re.compile(r"[a-zA-Z0-9-]+:[^\s]{1,256}")
_ACCOUNT = re.compile(r"\d{12}")


class PolicyKind(StrEnum):
    RESOURCE = "resource policy"
    PERMISSIONS = "permissions policy"


@dataclass(frozen=True, slots=True)
class Condition:
    operator_name: str
    operator: OperatorName
    key: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """`principals`: pairs of kind and value, ("*", "*") for anyone; None where the element is absent."""

    sid: str
    is_deny: bool
    principals: tuple[tuple[str, str], ...] | None
    is_principal_negated: bool
    actions: tuple[str, ...]
    is_action_negated: bool
    resources: tuple[str, ...]
    is_resource_negated: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    statements: tuple[Statement, ...]
    has_variables: bool  # the older Version takes ${…} literally


def parse(document: Any, kind: PolicyKind) -> PolicyDocument:
    """The document as it is evaluated. Invalid names every place that is wrong."""
    problems = list(_problems(document, kind))
    if problems:
        raise Invalid(problems)
    return PolicyDocument(
        statements=tuple(_statement(raw) for raw in _as_list(document["Statement"])),
        has_variables=document.get("Version") == VERSIONS[0],
    )


def _statement(raw: dict[str, Any]) -> Statement:
    def either(name: str) -> tuple[Any, bool]:
        negated = f"Not{name}"
        return (raw[negated], True) if negated in raw else (raw.get(name), False)

    principal, is_principal_negated = either("Principal")
    actions, is_action_negated = either("Action")
    resources, is_resource_negated = either("Resource")
    return Statement(
        sid=raw.get("Sid", ""),
        is_deny=raw["Effect"] == "Deny",
        principals=None if principal is None else tuple(_principals(principal)),
        is_principal_negated=is_principal_negated,
        actions=tuple(_as_list(actions)),
        is_action_negated=is_action_negated,
        resources=("*",) if resources is None else tuple(_as_list(resources)),
        is_resource_negated=is_resource_negated,
        conditions=tuple(_conditions(raw.get("Condition", {}))),
    )


def _principals(principal: Any) -> Iterator[tuple[str, str]]:
    if principal == "*":
        yield ("*", "*")
        return
    for kind, values in principal.items():
        for value in _as_list(values):
            yield ("*", "*") if (kind, value) == ("AWS", "*") else (kind, value)


def _conditions(condition: dict[str, Any]) -> Iterator[Condition]:
    for operator_name, keys in condition.items():
        operator = parse_operator(operator_name)
        assert operator is not None, "a checked document"
        for key, values in keys.items():
            yield Condition(operator_name, operator, key, tuple(_text(value) for value in _as_list(values)))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Condition values may be written as JSON booleans and numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# --- what is wrong --------------------------------------------------------------------------------


def _problems(document: Any, kind: PolicyKind) -> Iterator[Problem]:
    if not isinstance(document, dict):
        yield Problem("", "must be a JSON object with Version and Statement")
        return
    for name in document:
        if name not in _DOCUMENT_ELEMENTS:
            yield Problem(name, f"is not an element of a policy; known are {', '.join(_DOCUMENT_ELEMENTS)}")
    if document.get("Version", VERSIONS[1]) not in VERSIONS:
        yield Problem("Version", f'must be "{VERSIONS[0]}" or "{VERSIONS[1]}"')
    if not isinstance(document.get("Id", ""), str):
        yield Problem("Id", "must be text")
    if "Statement" not in document:
        yield Problem("Statement", "is required")
        return
    is_list = isinstance(document["Statement"], list)
    statements = _as_list(document["Statement"])
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        yield Problem("Statement", f"must have 1 to {MAX_STATEMENTS} statements")
        return
    sids: set[str] = set()
    for index, statement in enumerate(statements):
        path = f"Statement[{index}]" if is_list else "Statement"
        yield from _statement_problems(statement, path, kind)
        sid = statement.get("Sid") if isinstance(statement, dict) else None
        if isinstance(sid, str) and sid:
            if sid in sids:
                yield Problem(f"{path}.Sid", f"“{sid}” is used twice; each statement needs one of its own")
            sids.add(sid)


def _statement_problems(statement: Any, path: str, kind: PolicyKind) -> Iterator[Problem]:
    if not isinstance(statement, dict):
        yield Problem(path, "must be an object")
        return
    for name in statement:
        if name not in _STATEMENT_ELEMENTS:
            yield Problem(f"{path}.{name}", f"is not known; known are {', '.join(_STATEMENT_ELEMENTS)}")
    if not isinstance(statement.get("Sid", ""), str):
        yield Problem(f"{path}.Sid", "must be text")
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield Problem(f"{path}.Effect", 'must be "Allow" or "Deny"')
    yield from _presence_problems(statement, path, kind)
    for element, check in _ELEMENT_CHECKS.items():
        for name in (element, f"Not{element}"):
            if name in statement:
                yield from check(statement[name], f"{path}.{name}")
    if "Condition" in statement:
        yield from _condition_problems(statement["Condition"], f"{path}.Condition")


def _presence_problems(statement: dict[str, Any], path: str, kind: PolicyKind) -> Iterator[Problem]:
    """Which of Principal, Action and Resource must, may and can't be there."""
    has = {element: element in statement or f"Not{element}" in statement for element in _ELEMENT_CHECKS}
    for element in _ELEMENT_CHECKS:
        if element in statement and f"Not{element}" in statement:
            yield Problem(f"{path}.Not{element}", f"can't stand beside {element}")
    if not has["Action"]:
        yield Problem(f"{path}.Action", "is required")
    if kind is PolicyKind.RESOURCE and not has["Principal"]:
        yield Problem(f"{path}.Principal", 'is required: say who, as in {"Service": "ses.amazonaws.com"}')
    if kind is PolicyKind.PERMISSIONS and has["Principal"]:
        yield Problem(f"{path}.Principal", "does not belong in a permissions policy: the role is who")
    if kind is PolicyKind.PERMISSIONS and not has["Resource"]:
        yield Problem(f"{path}.Resource", "is required")


def _principal_problems(principal: Any, path: str) -> Iterator[Problem]:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal:
        yield Problem(path, 'must be "*" or an object, as in {"Service": "ses.amazonaws.com"}')
        return
    for kind, values in principal.items():
        if kind not in _PRINCIPAL_KINDS:
            yield Problem(f"{path}.{kind}", f"is not known; known are {', '.join(_PRINCIPAL_KINDS)}")
            continue
        for place, value in _places(values, f"{path}.{kind}"):
            if not isinstance(value, str) or not value:
                yield Problem(place, "must be text")
            elif value != "*" and ("*" in value or "?" in value):
                yield Problem(place, "may be “*”, but not have a wildcard in part of it")
            elif (
                kind == "AWS"
                and value != "*"
                and not _ACCOUNT.fullmatch(value)
                and not value.startswith("arn:")
            ):
                yield Problem(place, "must be an account of 12 digits, an ARN or “*”")


def _action_problems(value: Any, path: str) -> Iterator[Problem]:
    for place, entry in _places(value, path):
        if not isinstance(entry, str) or not _ACTION.fullmatch(entry):
            yield Problem(place, "must be service:Action, as in kms:Decrypt, or “*”")


def _resource_problems(value: Any, path: str) -> Iterator[Problem]:
    for place, entry in _places(value, path):
        if not isinstance(entry, str) or (entry != "*" and len(entry.split(":", 5)) != 6):
            yield Problem(place, "must be “*” or an ARN with six parts")


# Each may also be written negated: NotPrincipal, NotAction, NotResource.
_ELEMENT_CHECKS: dict[str, Callable[[Any, str], Iterator[Problem]]] = {
    "Principal": _principal_problems,
    "Action": _action_problems,
    "Resource": _resource_problems,
}


def _condition_problems(condition: Any, path: str) -> Iterator[Problem]:
    if not isinstance(condition, dict):
        yield Problem(path, "must be an object of operators")
        return
    for name, keys in condition.items():
        place = f"{path}.{name}"
        operator = parse_operator(name)
        if operator is None:
            yield Problem(place, f"is no condition operator; known are {', '.join(OPERATORS)}, Null")
        elif not isinstance(keys, dict) or not keys:
            yield Problem(place, "must be an object of condition keys")
        else:
            for key, values in keys.items():
                yield from _condition_value_problems(operator, key, values, f"{place}.{key}")


def _condition_value_problems(operator: OperatorName, key: str, values: Any, path: str) -> Iterator[Problem]:
    if not _CONDITION_KEY.fullmatch(key):
        yield Problem(path, "is no condition key; one has a prefix, as in aws:SourceAccount")
    for place, value in _places(values, path):
        if isinstance(value, dict | list) or value is None:
            yield Problem(place, "must be text, a number, true or false")
        elif operator.base == NULL_OPERATOR:
            if _text(value).casefold() not in ("true", "false"):
                yield Problem(place, "must be true or false")
        elif "${" not in _text(value) and not OPERATORS[operator.base].accepts(_text(value)):
            yield Problem(place, f"must be {OPERATORS[operator.base].wanted}")


def _places(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each entry with its path; an element may be written as one value or as a list."""
    if not isinstance(value, list):
        yield path, value
    elif not value:
        yield path, None
    else:
        yield from ((f"{path}[{index}]", entry) for index, entry in enumerate(value))
