"""A traffic policy as the ingress asks it: compiled once, then answers in microseconds.

Order (SPEC §4): size; every DENY statement; every ALLOW statement; the default action.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from addresslists.logic.lookup import NO_LISTS, Lists, UnreadableListError
from core.cidr import Address, unmapped
from core.envelope import TlsVersion
from core.expressions import fold
from core.identifiers import resource_name
from policies.logic.conditions import (
    IP_VERSIONS,
    LIST_OPERATORS,
    Attribute,
    Condition,
    Test,
    compile_condition,
    read_condition,
)
from policies.logic.index import NO_STATEMENT, Statement, StatementIndex


class Verdict(StrEnum):
    """UNKNOWN: it hangs on an address list that can't be read now; the peer may try again."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    UNKNOWN = "UNKNOWN"


class Reason(StrEnum):
    SIZE = "SIZE"  # larger than the policy allows; only `explain` says so
    STATEMENT = "STATEMENT"
    DEFAULT = "DEFAULT"
    LIST = "LIST"  # with the verdict UNKNOWN


@dataclass(frozen=True, slots=True)
class Decision:
    """`statement` counts from 0 in document order: the first of its action that holds."""

    verdict: Verdict
    reason: Reason
    statement: int | None = None


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """`holds` None: it asks an address list that can't be read now."""

    condition: Condition
    holds: bool | None


@dataclass(frozen=True, slots=True)
class StatementResult:
    """`statement` counts from 0. It holds when all of its conditions do; None: that can't be told now."""

    statement: int
    action: Verdict
    conditions: tuple[ConditionResult, ...]

    @property
    def holds(self) -> bool | None:
        results = {result.holds for result in self.conditions}
        return False if False in results else None if None in results else True


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision, and what every statement and condition said, needed or not, in document order."""

    decision: Decision
    statements: tuple[StatementResult, ...]

    def to_document(self) -> dict[str, Any]:
        """For the trace: JSON types only."""
        return {
            "Verdict": self.decision.verdict.value,
            "Reason": self.decision.reason.value,
            "Statement": self.decision.statement,
            "Statements": [
                {
                    "Action": statement.action.value,
                    "Holds": statement.holds,
                    "Conditions": [
                        {
                            "Attribute": result.condition.attribute.value,
                            "Operator": result.condition.operator,
                            "Values": list(result.condition.values),
                            "Holds": result.holds,
                        }
                        for result in statement.conditions
                    ],
                }
                for statement in self.statements
            ],
        }


class CompiledPolicy:
    """Immutable, safe to share between threads. Made by `compile_policy`."""

    __slots__ = (
        "_actions",
        "_decisions",
        "_default",
        "_plans",
        "_statements",
        "list_ids",
        "max_message_size_bytes",
    )

    def __init__(
        self,
        statements: tuple[Statement, ...],
        actions: tuple[Verdict, ...],
        default: Verdict,
        max_message_size_bytes: int | None,
    ) -> None:
        self.max_message_size_bytes = max_message_size_bytes
        self.list_ids = frozenset(
            resource_name(condition.values[0])
            for statement in statements
            for condition in statement.conditions
            if condition.operator in LIST_OPERATORS
        )
        self._statements = statements
        self._actions = actions
        self._default = Decision(default, Reason.DEFAULT)
        self._decisions = [Decision(action, Reason.STATEMENT, i) for i, action in enumerate(actions)]
        self._plans = self._make_plans()

    def decide(self, recipient: str, peer: Address, tls: TlsVersion | None) -> Decision:
        """What the policy says of one RCPT. `tls`: None for a session in the clear. Never raises."""
        recipient = fold(recipient)
        peer = unmapped(peer)
        denying, allowing = self._plans[peer.version][tls]
        try:
            first = denying.first(recipient, peer, tls)
            if first == NO_STATEMENT:
                first = allowing.first(recipient, peer, tls)
        except UnreadableListError:
            return _UNKNOWN
        return self._default if first == NO_STATEMENT else self._decisions[first]

    def decide_size(self, size_bytes: int) -> bool:
        """Whether a message of that size may pass; to be asked before anything else."""
        return self.max_message_size_bytes is None or size_bytes <= self.max_message_size_bytes

    def explain(
        self, recipient: str, peer: Address, tls: TlsVersion | None, size_bytes: int = 0
    ) -> Explanation:
        """As `decide`, with the size as part of it, and with every condition's result."""
        folded, peer = fold(recipient), unmapped(peer)
        results = tuple(
            StatementResult(
                statement.position,
                action,
                tuple(
                    ConditionResult(condition, _answer(holds, folded, peer, tls))
                    for condition, holds in zip(statement.conditions, statement.tests, strict=True)
                ),
            )
            for statement, action in zip(self._statements, self._actions, strict=True)
        )
        if self.decide_size(size_bytes):
            decision = self.decide(recipient, peer, tls)
        else:
            decision = Decision(Verdict.DENY, Reason.SIZE)
        return Explanation(decision, results)

    def _make_plans(self) -> dict[int, dict[TlsVersion | None, "_Plan"]]:
        """For each address family and TLS version the indexes of DENY and of ALLOW statements.

        There, what a condition says is known beforehand if it asks for TLS or for the other family's
        address: it is left out, or its statement is. Equal plans are one.
        """
        made: dict[tuple[Statement, ...], _Plan] = {}
        plans: dict[int, dict[TlsVersion | None, _Plan]] = {4: {}, 6: {}}
        for version, some_peer in _SOME_PEER.items():
            for tls in (None, *TlsVersion):
                open_statements = tuple(self._open_statements(some_peer, tls))
                if open_statements not in made:
                    made[open_statements] = self._plan(open_statements)
                plans[version][tls] = made[open_statements]
        return plans

    def _plan(self, statements: tuple[Statement, ...]) -> "_Plan":
        denying, allowing = (
            StatementIndex(s for s in statements if self._actions[s.position] is verdict)
            for verdict in (Verdict.DENY, Verdict.ALLOW)
        )
        return denying, allowing

    def _open_statements(self, peer: Address, tls: TlsVersion | None) -> list[Statement]:
        """Statements that can still hold for peers of that family and TLS version."""
        remaining = []
        for statement in self._statements:
            pairs = list(zip(statement.conditions, statement.tests, strict=True))
            known = [test for condition, test in pairs if _is_known(condition, peer.version)]
            if all(holds("", peer, tls) for holds in known):
                asked = [pair for pair in pairs if not _is_known(pair[0], peer.version)]
                conditions, tests = tuple(c for c, _ in asked), tuple(t for _, t in asked)
                remaining.append(Statement(statement.position, conditions, tests))
        return remaining


_UNKNOWN = Decision(Verdict.UNKNOWN, Reason.LIST)


def _answer(holds: Test, recipient: str, peer: Address, tls: TlsVersion | None) -> bool | None:
    try:
        return holds(recipient, peer, tls)
    except UnreadableListError:
        return None


_Plan = tuple[StatementIndex, StatementIndex]
_SOME_PEER: dict[int, Address] = {4: IPv4Address(0), 6: IPv6Address(0)}


def _is_known(condition: Condition, ip_version: int) -> bool:
    """Whether the TLS version and the address family alone settle it."""
    if condition.attribute is Attribute.TLS_PROTOCOL:
        return True
    return IP_VERSIONS.get(condition.attribute, ip_version) != ip_version


def compile_policy(document: Mapping[str, Any], lists: Lists = NO_LISTS) -> CompiledPolicy:
    """`document`: DefaultAction, PolicyStatements, MaxMessageSizeBytes of the service model, as stored.
    `lists` is asked anew for each recipient.

    Any number of statements. ValueError or KeyError for a document that `check_document` refuses.
    """
    statements: list[Statement] = []
    for position, statement in enumerate(document.get("PolicyStatements") or ()):
        conditions = tuple(map(read_condition, statement["Conditions"]))
        tests: tuple[Test, ...] = tuple(compile_condition(condition, lists) for condition in conditions)
        statements.append(Statement(position, conditions, tests))
    return CompiledPolicy(
        tuple(statements),
        tuple(Verdict(statement["Action"]) for statement in document.get("PolicyStatements") or ()),
        Verdict(document["DefaultAction"]),
        document.get("MaxMessageSizeBytes"),
    )
