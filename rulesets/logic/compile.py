"""A rule set as the pipeline asks it: compiled once, then walked for each message (SPEC §5).

For each recipient, rules in order: all Conditions must hold and none of Unless; then the rule's
actions, in order. Only Drop ends the walk for a recipient; whoever was delivered goes on.

A fault in one rule (of ours: stored documents are checked) never loses mail: what is left of that rule
is passed by, and recipients whom no other rule serves come out as `Plan.failed`, even where a later
rule drops them, so that the message is kept and walked again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from addresslists.logic.lookup import NO_LISTS, Lists
from core.envelope import Envelope
from core.identifiers import resource_name
from core.message import Message
from rulesets.logic.conditions import (
    Attribute,
    Condition,
    Facts,
    Test,
    asks_list,
    compile_condition,
    fold_address,
    read_condition,
)
from rulesets.logic.delivery import Plan, Step
from rulesets.logic.walk import Lane, Walk

# Of (the walk, the rule's lanes still under way, the action's index, how many lanes it does not concern).
Act = Callable[[Walk, list[Lane], int, int], list[Lane]]


def _drop(action: dict[str, Any]) -> Act:
    return lambda walk, lanes, index, others: walk.drop(lanes, index)


def _add_header(action: dict[str, Any]) -> Act:
    name, value = str(action["HeaderName"]), str(action["HeaderValue"])
    return lambda walk, lanes, index, others: walk.add_header(lanes, index, name, value)


def _replace_recipient(action: dict[str, Any]) -> Act:
    unique = {fold_address(address): address for address in reversed(action["ReplaceWith"])}
    recipients = tuple((address, folded) for folded, address in reversed(unique.items()))
    if not recipients:
        raise ValueError("ReplaceRecipient without recipients")
    return lambda walk, lanes, index, others: walk.replace_recipients(lanes, index, others, recipients)


# Actions that the walk itself does; the others reach outside and are planned.
WALKED = {"Drop": _drop, "AddHeader": _add_header, "ReplaceRecipient": _replace_recipient}
PLANNED = frozenset({"Relay", "DeliverToMailbox", "WriteToS3"})
ACTION_KINDS = ("Drop", "Relay", "DeliverToMailbox", "WriteToS3", "AddHeader", "ReplaceRecipient")


def _compile_action(document: Mapping[str, Any]) -> Act:
    """ValueError or KeyError for an action that isn't built, or lacks something."""
    ((kind, action),) = ((kind, dict(action)) for kind, action in document.items() if action is not None)
    if kind in WALKED:
        return WALKED[kind](action)
    if kind in PLANNED:
        return lambda walk, lanes, index, others: walk.plan(lanes, index, kind, action)
    raise ValueError(f"an action that is not built: {kind}")


@dataclass(frozen=True, slots=True)
class _Clause:
    """One condition of a rule, in `part` (Conditions or Unless), with the answer that stops the rule."""

    part: str
    condition: Condition
    test: Test
    stops_at: bool
    passed_by: dict[str, Any]  # detail of RULE_PASSED_BY

    @property
    def asks_recipient(self) -> bool:
        return self.condition.attribute == Attribute.RECIPIENT


@dataclass(frozen=True, slots=True)
class _Rule:
    """`fault`: why the stored rule can't be compiled; it then fails for everyone."""

    name: str
    of_message: tuple[_Clause, ...] = ()
    of_recipient: tuple[_Clause, ...] = ()
    acts: tuple[Act, ...] = ()
    matched: dict[str, Any] | None = None  # detail of RULE_MATCHED
    fault: Exception | None = None

    def stopper(self, clauses: tuple[_Clause, ...], facts: Facts, recipient: str) -> _Clause | None:
        """The first clause that keeps the rule from applying."""
        for clause in clauses:
            if clause.test(facts, recipient) is clause.stops_at:
                return clause
        return None


class CompiledRuleSet:
    """Immutable, safe to share between threads. Made by `compile_rule_set`."""

    __slots__ = ("_rules", "list_ids")

    def __init__(self, rules: tuple[_Rule, ...]) -> None:
        self._rules = rules
        self.list_ids = frozenset(
            resource_name(str(clause.condition.values[0]))
            for rule in rules
            for clause in (*rule.of_message, *rule.of_recipient)
            if asks_list(clause.condition)
        )

    def plan(self, envelope: Envelope, message: Message) -> Plan:
        """What is to be done for all of the envelope's recipients, and how it came to that."""
        walk = Walk(envelope, message)
        for position, rule in enumerate(self._rules):
            if not walk.lanes:
                break
            walk.enter(position, rule.name)
            try:
                chosen = _choose(walk, rule)
            except Exception as error:  # noqa: BLE001 - whatever it is, mail goes on; the event tells of it
                walk.lanes = walk.fail(walk.lanes, error)
                continue
            if chosen:
                _apply(walk, rule, chosen)
        return walk.finish()


def _choose(walk: Walk, rule: _Rule) -> set[int]:
    """The indexes of the lanes that the rule applies to."""
    if rule.fault is not None:
        raise rule.fault
    stopper = rule.stopper(rule.of_message, walk.facts, "")
    if stopper is not None:
        walk.tell(Step.RULE_PASSED_BY, walk.lanes, detail=stopper.passed_by)
        return set()
    chosen: list[int] = []
    passed: dict[int, tuple[_Clause, list[Lane]]] = {}
    for index, lane in enumerate(walk.lanes):
        stopper = rule.stopper(rule.of_recipient, walk.facts, lane.folded)
        if stopper is None:
            chosen.append(index)
        else:
            passed.setdefault(id(stopper), (stopper, []))[1].append(lane)
    for stopper, lanes in passed.values():
        walk.tell(Step.RULE_PASSED_BY, lanes, detail=stopper.passed_by)
    if chosen:
        walk.tell(Step.RULE_MATCHED, [walk.lanes[index] for index in chosen], detail=rule.matched)
    return set(chosen)


def _apply(walk: Walk, rule: _Rule, chosen: set[int]) -> None:
    """Do the rule's actions; lanes come out where the first of their rule stood."""
    first = min(chosen)
    before = walk.lanes[:first]
    behind = [lane for index, lane in enumerate(walk.lanes) if index > first and index not in chosen]
    going = [walk.lanes[index] for index in sorted(chosen)]
    others = len(before) + len(behind)
    for action_index, act in enumerate(rule.acts):
        if not going:
            break
        try:
            going = act(walk, going, action_index, others)
        except Exception as error:  # noqa: BLE001 - as above
            going = walk.fail(going, error, action_index)
            break
    walk.lanes = [*before, *going, *behind]


def compile_rule_set(document: Mapping[str, Any], lists: Lists = NO_LISTS) -> CompiledRuleSet:
    """`document`: Rules of the service model, as stored. Never raises for a rule in a list of rules:
    one that can't be compiled fails when it is walked, as does one whose address list can't be read then."""
    return CompiledRuleSet(tuple(_compile_rule(rule, lists) for rule in document.get("Rules") or ()))


def _compile_rule(document: Any, lists: Lists) -> _Rule:
    name = str(document.get("Name") or "") if isinstance(document, Mapping) else ""
    try:
        clauses = [
            _compile_clause(part, index, condition, lists)
            for part in ("Conditions", "Unless")
            for index, condition in enumerate(document.get(part) or ())
        ]
        return _Rule(
            name,
            of_message=tuple(clause for clause in clauses if not clause.asks_recipient),
            of_recipient=tuple(clause for clause in clauses if clause.asks_recipient),
            acts=tuple(map(_compile_action, document["Actions"])),
            matched={
                part: [
                    clause.condition.to_document() | {"Holds": not clause.stops_at}
                    for clause in clauses
                    if clause.part == part
                ]
                for part in ("Conditions", "Unless")
            },
        )
    except Exception as error:  # noqa: BLE001 - a document written past the services, or by a later version
        return _Rule(name, fault=error)


def _compile_clause(part: str, index: int, document: Mapping[str, Any], lists: Lists) -> _Clause:
    condition = read_condition(document)
    return _Clause(
        part,
        condition,
        compile_condition(condition, lists),
        stops_at=part == "Unless",
        passed_by={"Part": part, "Index": index} | condition.to_document(),
    )
