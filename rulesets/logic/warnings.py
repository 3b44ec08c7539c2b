"""What is allowed in a rule set, and most likely not meant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rulesets.logic.compile import PLANNED
from rulesets.logic.references import Named, Target, named_in


class Doubt(StrEnum):
    """What is doubtful; pages have the sentences."""

    EMPTY = "EMPTY"  # no rules: nothing becomes of any mail
    CAN_END_UNHANDLED = "CAN_END_UNHANDLED"  # no action delivers, stores or drops what no rule matched
    NEVER_REACHED = "NEVER_REACHED"  # an earlier rule drops everything
    AFTER_DROP = "AFTER_DROP"  # actions behind a Drop of the same rule
    UNKNOWN_MAILBOX = "UNKNOWN_MAILBOX"
    UNKNOWN_BUCKET = "UNKNOWN_BUCKET"
    UNKNOWN_ROLE = "UNKNOWN_ROLE"


_UNKNOWN = {
    Target.MAILBOX: Doubt.UNKNOWN_MAILBOX,
    Target.BUCKET: Doubt.UNKNOWN_BUCKET,
    Target.ROLE: Doubt.UNKNOWN_ROLE,
}


@dataclass(frozen=True, slots=True)
class Warning:
    """`path` in the document, "Rules" for the whole; `name`: what isn't known, or the rule's number."""

    path: str
    doubt: Doubt
    name: str = ""


def warnings_in(
    rules: Sequence[Mapping[str, Any]], is_known: Callable[[Target, str], bool] = lambda target, name: True
) -> list[Warning]:
    """Doubts about checked rules, those about the whole first. `is_known` looks up mailboxes, buckets
    and roles, once for each name."""
    return [*_about_the_end(rules), *_about_order(rules), *_about_names(rules, is_known)]


def _about_the_end(rules: Sequence[Mapping[str, Any]]) -> Iterator[Warning]:
    """Certain only where a rule without conditions handles everyone; others may leave somebody out."""
    if not rules:
        yield Warning("Rules", Doubt.EMPTY)
    elif not any(_is_for_everyone(rule) and _handles(rule) for rule in rules):
        yield Warning("Rules", Doubt.CAN_END_UNHANDLED)


def _about_order(rules: Sequence[Mapping[str, Any]]) -> Iterator[Warning]:
    dropping: int | None = None
    for position, rule in enumerate(rules):
        if dropping is not None:
            yield Warning(f"Rules[{position}]", Doubt.NEVER_REACHED, str(dropping + 1))
        drops = [index for index, action in enumerate(rule["Actions"]) if "Drop" in action]
        if drops and drops[0] < len(rule["Actions"]) - 1:
            yield Warning(f"Rules[{position}].Actions[{drops[0] + 1}]", Doubt.AFTER_DROP)
        if drops and _is_for_everyone(rule) and dropping is None:
            dropping = position


def _about_names(
    rules: Sequence[Mapping[str, Any]], is_known: Callable[[Target, str], bool]
) -> Iterator[Warning]:
    answers: dict[tuple[Target, str], bool] = {}
    for named in named_in(rules):
        if named.target in _UNKNOWN and not _ask(answers, named, is_known):
            yield Warning(named.path, _UNKNOWN[named.target], named.name)


def _ask(
    answers: dict[tuple[Target, str], bool], named: Named, is_known: Callable[[Target, str], bool]
) -> bool:
    key = (named.target, named.name)
    if key not in answers:
        answers[key] = is_known(*key)
    return answers[key]


def _is_for_everyone(rule: Mapping[str, Any]) -> bool:
    return not rule.get("Conditions") and not rule.get("Unless")


def _handles(rule: Mapping[str, Any]) -> bool:
    return any(kind == "Drop" or kind in PLANNED for action in rule["Actions"] for kind in action)
