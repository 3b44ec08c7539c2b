"""Whether a resource (an endpoint, a relay) can read its secret, and what keeps it from it.

On the service all of these end in one bare “authentication failed”; here each has a name, a remedy
and a place to mend it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access.logic.policy_document import PolicyDocument
from access.logic.policy_evaluation import Decision, Principal, Reason, Request, evaluate
from access.logic.policy_text import make_context
from secrets_store.logic.uses import NEEDS, SERVICE_PRINCIPAL, Need, Use, via_service


class Flaw(StrEnum):
    """What can be wrong, in the order in which a person would mend it (texts: secrets_store.findings)."""

    NO_SECRET = "NO_SECRET"
    BEING_DELETED = "BEING_DELETED"
    NO_VALUE = "NO_VALUE"
    VALUE_KEYS = "VALUE_KEYS"
    DEFAULT_KEY = "DEFAULT_KEY"
    KEY_DISABLED = "KEY_DISABLED"
    SECRET_POLICY_DENIES = "SECRET_POLICY_DENIES"
    SECRET_POLICY_CONDITION = "SECRET_POLICY_CONDITION"
    SECRET_POLICY_SILENT = "SECRET_POLICY_SILENT"
    KEY_POLICY_DENIES = "KEY_POLICY_DENIES"
    KEY_POLICY_CONDITION = "KEY_POLICY_CONDITION"
    KEY_POLICY_SILENT = "KEY_POLICY_SILENT"


@dataclass(frozen=True, slots=True)
class Finding:
    """`parameters`: what the text names (keys found and wanted, action, statement, condition)."""

    flaw: Flaw
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """What is stored of a secret and its key, without any value. `value_keys` None: no AWSCURRENT."""

    arn: str
    deletion_at: datetime | None
    value_keys: tuple[str, ...] | None
    is_text: bool
    policy: PolicyDocument | None
    key_arn: str
    is_key_customer_managed: bool
    is_key_enabled: bool
    key_policy: PolicyDocument


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: an endpoint or a relay, by ARN."""

    use: Use
    arn: str
    region: str
    account: str


def check(reader: Reader, facts: SecretFacts | None) -> tuple[Finding, ...]:
    """Everything that is wrong; () when the reader can log people in (or itself) with the secret."""
    if facts is None:
        return (Finding(Flaw.NO_SECRET, {}),)
    return tuple(_findings(reader, NEEDS[reader.use], facts))


def _findings(reader: Reader, need: Need, facts: SecretFacts) -> Iterator[Finding]:
    if facts.deletion_at:
        yield Finding(Flaw.BEING_DELETED, {})
    wanted = ", ".join(need.value_keys)
    if facts.value_keys is None:
        yield Finding(Flaw.NO_VALUE, {"wanted": wanted})
    elif not facts.is_text or set(facts.value_keys) != set(need.value_keys):
        found = ", ".join(facts.value_keys) or "-"
        yield Finding(Flaw.VALUE_KEYS, {"found": found, "wanted": wanted})
    if not facts.is_key_customer_managed:
        yield Finding(Flaw.DEFAULT_KEY, {})
    if not facts.is_key_enabled:
        yield Finding(Flaw.KEY_DISABLED, {})
    reads = [_request(reader, action, facts.arn, {}) for action in need.secret_actions]
    yield from _policy_findings(facts.policy, reads, _SECRET_POLICY)
    via = {"kms:ViaService": via_service(reader.region), "kms:EncryptionContext:SecretARN": facts.arn}
    decryptions = [_request(reader, action, facts.key_arn, via) for action in need.key_actions]
    yield from _policy_findings(facts.key_policy, decryptions, _KEY_POLICY)


_SECRET_POLICY = (Flaw.SECRET_POLICY_DENIES, Flaw.SECRET_POLICY_CONDITION, Flaw.SECRET_POLICY_SILENT)
_KEY_POLICY = (Flaw.KEY_POLICY_DENIES, Flaw.KEY_POLICY_CONDITION, Flaw.KEY_POLICY_SILENT)


def _policy_findings(
    policy: PolicyDocument | None, requests: list[Request], flaws: tuple[Flaw, Flaw, Flaw]
) -> Iterator[Finding]:
    """The first request that the policy does not allow, and why."""
    denies, condition, silent = flaws
    for request in requests:
        action = request.action
        decision = evaluate(policy, request) if policy else Decision(False, Reason.NO_ALLOW)
        if decision.is_allowed:
            continue
        near = next((miss.condition for miss in decision.near_misses if miss.condition), None)
        if decision.reason is Reason.EXPLICIT_DENY:
            name = decision.sid or f"#{(decision.statement or 0) + 1}"
            yield Finding(denies, {"action": action, "statement": name})
        elif near:
            values = ", ".join(near.patterns)
            parameters = {"operator": near.operator_name, "key": near.key, "values": values}
            yield Finding(condition, {"action": action, **parameters})
        else:
            yield Finding(silent, {"action": action, "principal": SERVICE_PRINCIPAL})
        return


def _request(reader: Reader, action: str, resource: str, more: dict[str, str]) -> Request:
    context = {"aws:SourceAccount": reader.account, "aws:SourceArn": reader.arn, **more}
    return Request(Principal("Service", SERVICE_PRINCIPAL), action, resource, make_context(context))
