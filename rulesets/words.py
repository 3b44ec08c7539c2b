"""Rule sets told in words: rules, doubts, steps of the walk; their API representation, their CLI command."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.conditions import LIST_OPERATORS, Property, Text, Words, in_words
from console.status import Look, Tone
from core.identifiers import resource_name
from rulesets.logic.check import check_document
from rulesets.logic.delivery import Delivery, Step, WalkEvent
from rulesets.logic.warnings import Warning
from rulesets.models import RuleSet
from rulesets.properties import ACTIONS_BY_KIND, DOUBTS, FAILURE_POLICIES, PROPERTIES, Control, properties

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ActionWords:
    """“Write to S3”: (“Bucket”, “mail”, url), …"""

    label: Text
    values: tuple[tuple[Text, str, str], ...]


@dataclass(frozen=True, slots=True)
class RuleWords:
    """`number` counts from 1. `doubts` are sentences."""

    number: int
    name: str
    conditions: list[Words]
    exceptions: list[Words]
    actions: list[ActionWords]
    doubts: list[str]
    raw: str = ""  # the JSON of a rule that this console has no words for


@dataclass(frozen=True, slots=True)
class Names:
    """What to call relays: from ID or ARN to (name, url)."""

    relays: Mapping[str, tuple[str, str]]


def rules_in_words(rules: Sequence[Json], names: Names, doubts: Iterable[Warning] = ()) -> list[RuleWords]:
    """Stored rules; `doubts` of the rule set as a whole are left to `whole_doubts`."""
    by_rule: dict[int, list[str]] = {}
    for doubt in doubts:
        if match := re.match(r"Rules\[(\d+)\]", doubt.path):
            by_rule.setdefault(int(match[1]), []).append(doubt_in_words(doubt))
    words = partial(_rule_in_words, names, properties())
    return [words(index, rule, by_rule.get(index, [])) for index, rule in enumerate(rules)]


def _rule_in_words(
    names: Names, known: Sequence[Property], index: int, rule: Any, doubts: list[str]
) -> RuleWords:
    if check_document([rule]):  # written past the services, or by a later version
        return RuleWords(
            index + 1, "", [], [], [], doubts, raw=json.dumps(rule, ensure_ascii=False, indent=2)
        )
    return RuleWords(
        number=index + 1,
        name=rule.get("Name") or "",
        conditions=in_words(known, rule.get("Conditions") or ()),
        exceptions=in_words(known, rule.get("Unless") or ()),
        actions=[action_in_words(action, names) for action in rule["Actions"]],
        doubts=list(dict.fromkeys(doubts)),
    )


def whole_doubts(doubts: Iterable[Warning]) -> list[str]:
    return [doubt_in_words(doubt) for doubt in doubts if doubt.path == "Rules"]


def doubt_in_words(doubt: Warning) -> str:
    return str(DOUBTS[doubt.doubt]) % {"name": doubt.name}


def action_in_words(action: Json, names: Names) -> ActionWords:
    """A checked action."""
    ((kind, values),) = ((kind, values) for kind, values in action.items() if values is not None)
    known = ACTIONS_BY_KIND[kind]
    told: list[tuple[Text, str, str]] = []
    for parameter in known.parameters:
        value = values.get(parameter.member)
        if parameter.control is Control.POLICY:
            if value == "DROP":
                told.append((parameter.label, str(FAILURE_POLICIES["DROP"]), ""))
        elif parameter.control is Control.RELAY:
            name, url = names.relays.get(value, (value, ""))
            told.append((parameter.label, name, url))
        elif value:
            told.append((parameter.label, ", ".join(value) if isinstance(value, list) else str(value), ""))
    return ActionWords(known.label, tuple(told))


# --- the walk -------------------------------------------------------------------------------------


# Members of the step's detail stand in the sentences.
_STEPS: Mapping[str, Text] = {
    Step.RULE_MATCHED: gettext_lazy("The rule applies."),
    Step.DROPPED: gettext_lazy("Dropped: nothing more is done."),
    Step.HEADER_ADDED: gettext_lazy("The header “%(Name)s: %(Value)s” is added for what follows."),
    Step.RECIPIENTS_REPLACED: gettext_lazy("From here on the recipients are: %(ReplaceWith)s."),
    Step.PLANNED: gettext_lazy("To be done: %(Kind)s."),
    Step.UNHANDLED: gettext_lazy("The end was reached; no rule delivered, stored or dropped the message."),
    Step.RULE_FAILED: gettext_lazy("The rule could not be carried out and was passed by: %(Error)s"),
}


def step_in_words(step: str, detail: Json | None) -> str:
    """What happened at one step, without whom and which rule: “To be done: Write to S3.”"""
    if step == Step.RULE_PASSED_BY:
        return _passed_by_in_words(detail or {})
    told = {"Name": "", "Value": "", "ReplaceWith": "", "Kind": "", "Error": ""} | dict(detail or {})
    if isinstance(told["ReplaceWith"], list):
        told["ReplaceWith"] = ", ".join(told["ReplaceWith"])
    if known := ACTIONS_BY_KIND.get(told["Kind"]):
        told["Kind"] = known.label
    return str(_STEPS[step]) % told if step in _STEPS else step


def _passed_by_in_words(detail: Json) -> str:
    known = {one.key: one for one in PROPERTIES}
    asked = known.get(detail.get("Attribute", "")) or known["MIME_HEADER"]
    label = asked.label if asked.key == detail.get("Attribute") else detail.get("Attribute", "")
    values = detail.get("Values", ())
    operators = asked.operators
    if values and detail.get("Operator") in LIST_OPERATORS:  # the lists' names were not in the walk
        operators, values = LIST_OPERATORS, map(resource_name, values)
    shown = ", ".join(f"“{value}”" for value in values)
    condition = f"{label} {operators.get(detail.get('Operator', ''), '')} {shown}".strip()
    if detail.get("Part") == "Unless":
        return _("Passed by: the exception holds, %(condition)s.") % {"condition": condition}
    return _("Passed by: it does not hold that %(condition)s.") % {"condition": condition}


_LOOKS: Mapping[str, Look] = {
    Step.RULE_MATCHED: Look(gettext_lazy("Applies"), "info", Tone.INFO),
    Step.RULE_PASSED_BY: Look(gettext_lazy("Passed by"), "pending", Tone.STOPPED),
    Step.DROPPED: Look(gettext_lazy("Dropped"), "stopped", Tone.STOPPED),
    Step.HEADER_ADDED: Look(gettext_lazy("Header added"), "info", Tone.INFO),
    Step.RECIPIENTS_REPLACED: Look(gettext_lazy("Rewritten"), "info", Tone.INFO),
    Step.PLANNED: Look(gettext_lazy("To be done"), "success", Tone.SUCCESS),
    Step.UNHANDLED: Look(gettext_lazy("Nothing done"), "warning", Tone.WARNING),
    Step.RULE_FAILED: Look(gettext_lazy("Failed"), "error", Tone.ERROR),
}


@dataclass(frozen=True, slots=True)
class StepWords:
    """`rule` counts from 1; None behind the last one."""

    look: Look
    text: str
    recipients: tuple[str, ...]
    rule: int | None
    rule_name: str


def walk_in_words(events: Iterable[WalkEvent]) -> list[StepWords]:
    return [
        StepWords(
            _LOOKS[event.step],
            step_in_words(event.step, event.detail),
            event.recipients,
            None if event.rule is None else event.rule + 1,
            event.rule_name,
        )
        for event in events
    ]


@dataclass(frozen=True, slots=True)
class DeliveryWords:
    """`added_headers`: “X-A: b”."""

    action: ActionWords
    recipients: tuple[str, ...]
    added_headers: list[str]


def deliveries_in_words(deliveries: Iterable[Delivery], names: Names) -> list[DeliveryWords]:
    return [
        DeliveryWords(
            action_in_words({delivery.kind: delivery.action}, names),
            delivery.recipients,
            [f"{name}: {value}" for name, value in delivery.added_headers],
        )
        for delivery in deliveries
    ]


def last_changed(rule_set: RuleSet) -> str:
    return date_format(timezone.localtime(rule_set.updated_at), "SHORT_DATETIME_FORMAT")


# --- the API ----------------------------------------------------------------------------------------


def api_representation(rule_set: RuleSet) -> dict[str, Any]:
    """As GetRuleSet answers."""
    return {
        "RuleSetId": rule_set.id,
        "RuleSetArn": rule_set.arn,
        "RuleSetName": rule_set.name,
        "CreatedDate": rule_set.created_at.isoformat(),
        "LastModificationDate": rule_set.updated_at.isoformat(),
        **rule_set.document,
    }


def cli_command(rule_set: RuleSet) -> str:
    """The AWS CLI's command that makes such a rule set."""
    rules = json.dumps(rule_set.rules, ensure_ascii=False)
    return " \\\n  ".join(
        (
            "aws mailmanager create-rule-set",
            f"--rule-set-name {shlex.quote(rule_set.name)}",
            f"--rules {shlex.quote(rules)}",
        )
    )
