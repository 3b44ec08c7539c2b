"""A traffic policy told: statements and decisions in words, its API representation, its CLI command."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.conditions import Words, in_words
from console.status import Look, Tone
from core.units import format_size
from policies.logic.evaluate import Explanation, Reason, Verdict
from policies.models import TrafficPolicy
from policies.properties import properties

VERDICT_LOOKS: dict[str, Look] = {
    Verdict.ALLOW.value: Look(gettext_lazy("Allow"), "success", Tone.SUCCESS),
    Verdict.DENY.value: Look(gettext_lazy("Deny"), "error", Tone.ERROR),
    Verdict.UNKNOWN.value: Look(gettext_lazy("Try again later"), "warning", Tone.WARNING),
}


@dataclass(frozen=True, slots=True)
class StatementWords:
    number: int  # from 1
    look: Look
    conditions: list[Words]


def statements_in_words(policy: TrafficPolicy) -> list[StatementWords]:
    known = properties()
    return [
        StatementWords(number, VERDICT_LOOKS[statement["Action"]], in_words(known, statement["Conditions"]))
        for number, statement in enumerate(policy.statements, start=1)
    ]


@dataclass(frozen=True, slots=True)
class ToldCondition:
    """`conditions`: the one condition, as `<c-condition-words>` takes it."""

    conditions: list[Words]
    holds: bool | None


@dataclass(frozen=True, slots=True)
class ToldStatement:
    number: int
    look: Look
    holds: bool | None
    decides: bool
    conditions: list[ToldCondition]


@dataclass(frozen=True, slots=True)
class ToldDecision:
    look: Look
    reason: str
    statements: list[ToldStatement]


def decision_in_words(policy: TrafficPolicy, explanation: Explanation) -> ToldDecision:
    decision = explanation.decision
    statements = []
    for result, told in zip(explanation.statements, statements_in_words(policy), strict=True):
        conditions = [
            ToldCondition([words], condition.holds)
            for words, condition in zip(told.conditions, result.conditions, strict=True)
        ]
        decides = decision.statement == result.statement
        statements.append(ToldStatement(told.number, told.look, result.holds, decides, conditions))
    return ToldDecision(VERDICT_LOOKS[decision.verdict], _reason(policy, explanation), statements)


def _reason(policy: TrafficPolicy, explanation: Explanation) -> str:
    decision = explanation.decision
    match decision.reason:
        case Reason.SIZE:
            limit = format_size(policy.max_message_size_bytes or 0)
            return _("The message is larger than %(limit)s.") % {"limit": limit}
        case Reason.STATEMENT:
            assert decision.statement is not None
            return _("Statement %(number)d holds.") % {"number": decision.statement + 1}
        case Reason.LIST:
            return _("An address list can't be read now.")
    return _("No statement holds, so the default action decides.")


def api_representation(policy: TrafficPolicy) -> dict[str, Any]:
    """As GetTrafficPolicy answers."""
    return {
        "TrafficPolicyName": policy.name,
        "TrafficPolicyId": policy.id,
        "TrafficPolicyArn": policy.arn,
        **policy.document,
        "CreatedTimestamp": policy.created_at.isoformat(),
        "LastUpdatedTimestamp": policy.updated_at.isoformat(),
    }


def cli_command(policy: TrafficPolicy) -> str:
    """The AWS CLI's command that makes such a policy."""
    parts = [
        "aws mailmanager create-traffic-policy",
        f"--traffic-policy-name {shlex.quote(policy.name)}",
        f"--default-action {policy.default_action}",
    ]
    if policy.max_message_size_bytes is not None:
        parts.append(f"--max-message-size-bytes {policy.max_message_size_bytes}")
    statements = json.dumps(policy.statements, ensure_ascii=False)
    parts.append(f"--policy-statements {shlex.quote(statements)}")
    return " \\\n  ".join(parts)


def size_limit(policy: TrafficPolicy) -> str:
    """ "" where there is none."""
    size_bytes = policy.max_message_size_bytes
    return "" if size_bytes is None else format_size(size_bytes)
