"""Whether policy documents allow a request: an explicit deny wins, then an allow, else no.

Source: IAM User Guide, “Policy evaluation logic”. A decision names the statement that made it; a
refusal also tells for each Allow what kept it from matching, so that a person can mend it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from access.logic.policy_conditions import holds
from access.logic.policy_document import Condition, PolicyDocument, Statement
from access.logic.policy_text import Context, expand, matches_arn, matches_wildcards
from core.identifiers import parse_arn


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `kind`: "Service" (`ses.amazonaws.com`) or "AWS" (an ARN)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `context` comes from `policy_text.make_context`."""

    principal: Principal
    action: str
    resource: str
    context: Context


class Reason(StrEnum):
    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit deny"
    NO_ALLOW = "no statement allows it"


class Mismatch(StrEnum):
    """The element of a statement that does not fit the request, the first in this order."""

    PRINCIPAL = "Principal"
    ACTION = "Action"
    RESOURCE = "Resource"
    CONDITION = "Condition"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An Allow that did not match: at which element, and for a condition which one."""

    statement: int
    sid: str
    mismatch: Mismatch
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`statement`: index in the document that decided, None where none did."""

    is_allowed: bool
    reason: Reason
    statement: int | None = None
    sid: str = ""
    near_misses: tuple[NearMiss, ...] = ()


def evaluate(document: PolicyDocument, request: Request) -> Decision:
    allow: tuple[int, str] | None = None
    near_misses: list[NearMiss] = []
    for index, statement in enumerate(document.statements):
        miss = _mismatch(statement, request, document.has_variables)
        if miss is None and statement.is_deny:
            return Decision(False, Reason.EXPLICIT_DENY, index, statement.sid)
        if miss is None:
            allow = allow or (index, statement.sid)
        elif not statement.is_deny:
            near_misses.append(NearMiss(index, statement.sid, *miss))
    if allow:
        return Decision(True, Reason.ALLOWED, *allow)
    return Decision(False, Reason.NO_ALLOW, near_misses=tuple(near_misses))


def _mismatch(
    statement: Statement, request: Request, has_variables: bool
) -> tuple[Mismatch, Condition | None] | None:
    """The first element that does not fit; None where all do."""
    if statement.principals is not None:
        is_named = any(_is_principal(kind, value, request.principal) for kind, value in statement.principals)
        if is_named == statement.is_principal_negated:
            return Mismatch.PRINCIPAL, None
    action = request.action.casefold()
    is_named = any(matches_wildcards(pattern.casefold(), action) for pattern in statement.actions)
    if is_named == statement.is_action_negated:
        return Mismatch.ACTION, None
    patterns = _expanded(statement.resources, request.context) if has_variables else statement.resources
    if any(matches_arn(pattern, request.resource) for pattern in patterns) == statement.is_resource_negated:
        return Mismatch.RESOURCE, None
    for condition in statement.conditions:
        if not holds(
            condition.operator,
            condition.key,
            condition.patterns,
            request.context,
            has_variables=has_variables,
        ):
            return Mismatch.CONDITION, condition
    return None


def _expanded(patterns: Iterable[str], context: Context) -> list[str]:
    return [
        expanded for expanded in (expand(pattern, context) for pattern in patterns) if expanded is not None
    ]


def _is_principal(kind: str, value: str, asking: Principal) -> bool:
    """An account (12 digits, or its root's ARN) stands for everyone in it; “*” for everyone at all."""
    if kind == "*":
        return True
    if kind != asking.kind:
        return False
    if kind != "AWS" or value == asking.value:
        return value == asking.value
    arn = parse_arn(value)
    account = arn.account if arn and arn.resource == "root" else value
    asking_arn = parse_arn(asking.value)
    return asking_arn is not None and asking_arn.account == account
