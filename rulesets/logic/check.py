"""What is wrong with a rule set's rules, before they are stored.

Shapes, enums, lengths and patterns are the service model's (core.service_model). Ours on top: CIDRs
and addresses that mean what they say, names that stay inside their directory, and whatever the model
has that isn't built, refused by its name.
"""

import math
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from core import service_model
from core.cidr import cidr_complaint
from core.errors import Problem
from rulesets.logic.compile import ACTION_KINDS
from rulesets.logic.conditions import ADDRESS_ATTRIBUTES

MAX_PROBLEMS = 100  # nobody reads more

# Conditions of the model that are not evaluated here yet: members, and what they may evaluate.
_NOT_BUILT_EXPRESSIONS = {
    "VerdictExpression": "conditions on SPF, DKIM and add-on verdicts are not available yet",
    "DmarcExpression": "conditions on DMARC policies are not available yet",
}
_NOT_BUILT_EVALUATIONS = {
    "Analysis": "conditions on add-ons are not available yet",
}
_NOT_BUILT_ATTRIBUTES = {
    "READ_RECEIPT_REQUESTED": "conditions on read receipts are not available yet",
    "TLS_WRAPPED": "conditions on wrapped TLS are not available yet",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """`rules`: how many a rule set may have, None for any number; the service model has 40."""

    rules: int | None = None


NO_LIMITS = Limits()


def check_document(rules: Any, limits: Limits = NO_LIMITS) -> list[Problem]:
    """Problems of `rules` (`Rules` of the service model), in document order; any JSON value is legal.

    Paths are the document's: `Rules[2].Actions[0].Relay.Relay`. [] means that `compile_rule_set` takes
    all of it. At most MAX_PROBLEMS.
    """
    return list(islice(_check_rules(rules, limits), MAX_PROBLEMS))


def check_whole(document: Any, check: Callable[[Any], list[Problem]]) -> list[Problem]:
    """Problems of an object that has Rules and nothing else, as JSON editors and files have it; `check`
    is asked about the rules."""
    if not isinstance(document, dict) or "Rules" not in document:
        return [Problem("", "must be an object with Rules, a list")]
    unknown = [
        Problem(str(name), "is not known here; known is Rules") for name in document if name != "Rules"
    ]
    return [*unknown, *check(document["Rules"])]


def _check_rules(rules: Any, limits: Limits) -> Iterator[Problem]:
    if not isinstance(rules, list):
        yield Problem("Rules", "must be a list")
        return
    if limits.rules is not None and len(rules) > limits.rules:
        yield Problem("Rules", f"must have at most {limits.rules:,} rules; it has {len(rules):,}")
    for index, rule in enumerate(rules):
        path = f"Rules[{index}]"
        yield from service_model.problems("Rule", rule, path=path)
        if not isinstance(rule, dict):
            continue
        for part in ("Conditions", "Unless"):
            for place, condition in _entries(rule, part, path):
                yield from _check_condition(condition, place)
        for place, action in _entries(rule, "Actions", path):
            yield from _check_action(action, place)


def _entries(rule: dict[str, Any], part: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries that are objects; the model has told of the others."""
    entries = rule.get(part)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield f"{path}.{part}[{index}]", entry


# --- conditions ---------------------------------------------------------------------------------


def _check_condition(condition: dict[str, Any], path: str) -> Iterator[Problem]:
    for member, expression in condition.items():
        place = f"{path}.{member}"
        if member in _NOT_BUILT_EXPRESSIONS:
            yield Problem(place, _NOT_BUILT_EXPRESSIONS[member])
            continue
        if not isinstance(expression, dict):
            continue
        asked = expression.get("Evaluate")
        asked = asked if isinstance(asked, dict) else {}
        for kind in asked:
            if kind in _NOT_BUILT_EVALUATIONS:
                yield Problem(f"{place}.Evaluate.{kind}", _NOT_BUILT_EVALUATIONS[kind])
        attribute = asked.get("Attribute")
        if isinstance(attribute, str) and attribute in _NOT_BUILT_ATTRIBUTES:
            yield Problem(f"{place}.Evaluate.Attribute", _NOT_BUILT_ATTRIBUTES[attribute])
        values = expression.get("Values")
        for index, value in enumerate(values if isinstance(values, list) else ()):
            if isinstance(value, str) and (complaint := _value_complaint(member, attribute, value)):
                yield Problem(f"{place}.Values[{index}]", complaint)
        if member == "NumberExpression":
            yield from _check_size(expression.get("Value"), f"{place}.Value")


def _value_complaint(member: str, attribute: Any, value: str) -> str:
    if member == "IpExpression":
        return cidr_complaint(value)
    if member != "StringExpression":
        return ""
    if not value.strip():
        # DEVIATION: the service model takes blanks; they are part of most texts, which is a slip.
        return "is empty"
    if any(unicodedata.category(character) in ("Cc", "Cs") and character != "\t" for character in value):
        return "has a control character in it; no property has one"
    if (
        isinstance(attribute, str)
        and attribute in ADDRESS_ATTRIBUTES
        and value.count("@") > 1
        and '"' not in value
    ):
        return f"“{value[:80]}” is more than one address; write each as a value of its own"
    return ""


def _check_size(value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not math.isfinite(value) or value < 0:
        yield Problem(path, "must be a number of bytes, 0 or more")


# --- actions ------------------------------------------------------------------------------------


def _check_action(action: dict[str, Any], path: str) -> Iterator[Problem]:
    model_kinds = service_model.shape("RuleAction").members
    for kind, values in action.items():
        place = f"{path}.{kind}"
        if kind in model_kinds and kind not in ACTION_KINDS:
            yield Problem(
                place, f"the action {kind} is not available yet; available: {', '.join(ACTION_KINDS)}"
            )
        if isinstance(values, dict) and (check := _ACTION_CHECKS.get(kind)):
            yield from check(values, place)


def _check_relay(values: dict[str, Any], path: str) -> Iterator[Problem]:
    if values.get("MailFrom") == "REPLACE":
        yield Problem(f"{path}.MailFrom", "REPLACE is not available yet; PRESERVE is")


def _check_header(values: dict[str, Any], path: str) -> Iterator[Problem]:
    value = values.get("HeaderValue")
    if not isinstance(value, str):
        return
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        yield Problem(f"{path}.HeaderValue", "has a line break or another control character in it")
    elif value and not value.strip():
        yield Problem(f"{path}.HeaderValue", "is empty")


def _check_rewriting(values: dict[str, Any], path: str) -> Iterator[Problem]:
    recipients = values.get("ReplaceWith")
    if recipients is None:
        # DEVIATION: the service model may leave it out; there would be nobody to go on with.
        yield Problem(f"{path}.ReplaceWith", "is required")
    for index, recipient in enumerate(recipients if isinstance(recipients, list) else ()):
        if isinstance(recipient, str) and (complaint := _recipient_complaint(recipient)):
            yield Problem(f"{path}.ReplaceWith[{index}]", complaint)


def _recipient_complaint(recipient: str) -> str:
    """What the model's pattern lets through, and no mail server would (RFC 5321 §4.1.2)."""
    local_part, at, domain = recipient.partition("@")
    if not at:
        return "" if recipient else "is empty"  # the model says the rest
    has_empty_part = "" in local_part.split(".") or "" in domain.split(".")
    has_stray_hyphen = any(label.startswith("-") or label.endswith("-") for label in domain.split("."))
    if has_empty_part or has_stray_hyphen:
        return f"“{recipient}” is no address that mail can be sent to"
    return ""


def _check_bucket(values: dict[str, Any], path: str) -> Iterator[Problem]:
    bucket, prefix = values.get("S3Bucket"), values.get("S3Prefix")
    if isinstance(bucket, str) and set(bucket) == {"."}:
        yield Problem(f"{path}.S3Bucket", "is no name of a bucket")
    if isinstance(prefix, str) and any(part in (".", "..") for part in prefix.split("/")):
        yield Problem(f"{path}.S3Prefix", "must not have “.” or “..” between its slashes")
    if values.get("S3SseKmsKeyId") is not None:
        yield Problem(f"{path}.S3SseKmsKeyId", "encryption by a key is not available for buckets yet")


_ACTION_CHECKS = {
    "Relay": _check_relay,
    "AddHeader": _check_header,
    "ReplaceRecipient": _check_rewriting,
    "WriteToS3": _check_bucket,
}
