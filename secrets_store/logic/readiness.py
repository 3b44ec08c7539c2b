"""Whether a resource (an endpoint, a relay) can read its secret, and what keeps it from it.

On the service all of these end in one bare “authentication failed”; here each has a name, a remedy
and a place to mend it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access.logic.policy_document import PolicyDocument
from access.logic.policy_evaluation import Decision, Mismatch, Principal, Reason, Request, evaluate
from access.logic.policy_text import make_context
from secrets_store.logic.uses import NEEDS, SERVICE_PRINCIPAL, Need, Use, via_service


class Point(StrEnum):
    """What is checked, in the order in which a person would mend it."""

    EXISTS = "EXISTS"
    NOT_BEING_DELETED = "NOT_BEING_DELETED"
    HAS_VALUE = "HAS_VALUE"
    VALUE_KEYS = "VALUE_KEYS"
    KEY_CUSTOMER_MANAGED = "KEY_CUSTOMER_MANAGED"
    KEY_ENABLED = "KEY_ENABLED"
    SECRET_POLICY = "SECRET_POLICY"
    KEY_POLICY = "KEY_POLICY"


class Place(StrEnum):
    """Where it is mended: a page of the secret or of its key."""

    SECRETS = "SECRETS"
    SECRET = "SECRET"
    SECRET_VALUE = "SECRET_VALUE"
    SECRET_KEY = "SECRET_KEY"
    SECRET_POLICY = "SECRET_POLICY"
    KEY = "KEY"
    KEY_POLICY = "KEY_POLICY"


@dataclass(frozen=True, slots=True)
class Finding:
    """A failing point. `remedy` says what to do; both are English sentences, translated at the page.

    `parameters` fill `%(name)s` in the texts.
    """

    point: Point
    message: str
    remedy: str
    place: Place
    parameters: dict[str, str]

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" % self.parameters


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
    """Every point that fails; () when the reader can log people in (or itself) with the secret."""
    if facts is None:
        return (
            Finding(
                Point.EXISTS,
                "The secret does not exist any more.",
                "Choose another secret, or store a new one.",
                Place.SECRETS,
                {},
            ),
        )
    return tuple(_findings(reader, NEEDS[reader.use], facts))


def _findings(reader: Reader, need: Need, facts: SecretFacts) -> Iterator[Finding]:
    if facts.deletion_at:
        yield Finding(
            Point.NOT_BEING_DELETED,
            "The secret is scheduled for deletion.",
            "Cancel its deletion, or choose another secret.",
            Place.SECRET,
            {},
        )
    yield from _value_findings(need, facts)
    yield from _key_findings(facts)
    for action in need.secret_actions:
        decision = (
            evaluate(facts.policy, _request(reader, action, facts.arn, {}))
            if facts.policy
            else Decision(False, Reason.NO_ALLOW)
        )
        if not decision.is_allowed:
            yield _policy_finding(Point.SECRET_POLICY, Place.SECRET_POLICY, action, decision)
            break
    via = {"kms:ViaService": via_service(reader.region), "kms:EncryptionContext:SecretARN": facts.arn}
    for action in need.key_actions:
        decision = evaluate(facts.key_policy, _request(reader, action, facts.key_arn, via))
        if not decision.is_allowed:
            yield _policy_finding(Point.KEY_POLICY, Place.KEY_POLICY, action, decision)
            break


def _value_findings(need: Need, facts: SecretFacts) -> Iterator[Finding]:
    wanted = ", ".join(need.value_keys)
    if facts.value_keys is None:
        yield Finding(
            Point.HAS_VALUE,
            "The secret has no current value.",
            "Store a value with the key %(wanted)s.",
            Place.SECRET_VALUE,
            {"wanted": wanted},
        )
    elif not facts.is_text or set(facts.value_keys) != set(need.value_keys):
        yield Finding(
            Point.VALUE_KEYS,
            "The secret's keys are %(found)s; they must be exactly %(wanted)s, or authentication would fail.",
            "Edit the value of the secret.",
            Place.SECRET_VALUE,
            {"found": ", ".join(facts.value_keys) or "-", "wanted": wanted},
        )


def _key_findings(facts: SecretFacts) -> Iterator[Finding]:
    if not facts.is_key_customer_managed:
        yield Finding(
            Point.KEY_CUSTOMER_MANAGED,
            "The secret is encrypted by the default key, whose policy can't let endpoints or relays in.",
            "Create a customer managed key and choose it as the secret's encryption key.",
            Place.SECRET_KEY,
            {},
        )
    if not facts.is_key_enabled:
        yield Finding(
            Point.KEY_ENABLED,
            "The secret's encryption key is disabled or scheduled for deletion.",
            "Enable the key, or choose another one for the secret.",
            Place.KEY,
            {},
        )


_POLICY_OWNERS = {
    Point.SECRET_POLICY: "The secret's resource permissions",
    Point.KEY_POLICY: "The policy of the secret's encryption key",
}


def _policy_finding(point: Point, place: Place, action: str, decision: Decision) -> Finding:
    owner = _POLICY_OWNERS[point]
    if decision.reason is Reason.EXPLICIT_DENY:
        return Finding(
            point,
            f"{owner} deny %(action)s by statement %(statement)s.",
            "Remove or narrow that statement.",
            place,
            {"action": action, "statement": decision.sid or f"#{(decision.statement or 0) + 1}"},
        )
    near = next(
        (miss for miss in decision.near_misses if miss.mismatch is Mismatch.CONDITION and miss.condition),
        None,
    )
    if near and near.condition:
        return Finding(
            point,
            f"{owner} allow %(action)s only where %(operator)s %(key)s is %(values)s,"
            " which does not hold here.",
            "Correct the account, region or ARN in that condition.",
            place,
            {
                "action": action,
                "operator": near.condition.operator_name,
                "key": near.condition.key,
                "values": ", ".join(near.condition.patterns),
            },
        )
    return Finding(
        point,
        f"{owner} do not allow {SERVICE_PRINCIPAL} %(action)s.",
        "Insert the statement that is offered in its editor.",
        place,
        {"action": action},
    )


def _request(reader: Reader, action: str, resource: str, more: dict[str, str]) -> Request:
    context = {"aws:SourceAccount": reader.account, "aws:SourceArn": reader.arn, **more}
    return Request(Principal("Service", SERVICE_PRINCIPAL), action, resource, make_context(context))
