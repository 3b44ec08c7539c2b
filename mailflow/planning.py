"""From a claimed message to what is to be done with it: parsed once, walked through its rule set."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

import structlog

from addresslists.indexes import Indexes
from addresslists.reading import read_states
from core.envelope import Envelope
from core.message import Message
from endpoints.models import IngressEndpoint
from mailflow.actions.contract import Finish, Result
from mailflow.logic.progress import WALK, DeliveryState
from mailflow.logic.story import EventKind
from mailflow.logic.walk_story import StepTexts, pack
from mailflow.models import Outcome
from mailflow.trace import Event
from rulesets.logic.compile import CompiledRuleSet, compile_rule_set
from rulesets.logic.delivery import Delivery, Plan
from rulesets.models import RuleSet

log = structlog.get_logger()

MAX_HOPS = 100  # Received fields; RFC 5321 §6.3: "normally at least 100"
_LOOP_STATUS = "5.4.6"  # routing loop detected (RFC 3463 §3.5)
_CACHED_RULE_SETS = 200


@dataclass(slots=True)
class Walked:
    """What one walk came to. `results`: for the delivery of kind Walk that asked for it, if one did."""

    states: list[DeliveryState] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # of forward-paths that end here


def endpoint_names(envelopes: Iterable[Envelope]) -> dict[str, str]:
    """By ID; an endpoint that is gone has none."""
    ids = {envelope.endpoint_id for envelope in envelopes}
    return dict(IngressEndpoint.objects.filter(pk__in=ids).values_list("pk", "name"))


Compiled = tuple[CompiledRuleSet, StepTexts]


class RuleSets:
    """The rule sets of one batch, with their address lists as they are now; what is compiled of them,
    and the lists' indexes, are kept beyond it."""

    _compiled: "ClassVar[OrderedDict[tuple[str, datetime], Compiled]]" = OrderedDict()
    _lists: ClassVar[Indexes] = Indexes()

    def __init__(self, envelopes: Iterable[Envelope]) -> None:
        envelopes = list(envelopes)
        endpoint_ids = {envelope.endpoint_id for envelope in envelopes}
        endpoints = IngressEndpoint.objects.filter(pk__in=endpoint_ids)
        self._current = dict(endpoints.values_list("pk", "rule_set_id"))
        wanted = {envelope.rule_set_id for envelope in envelopes} | set(self._current.values())
        self._rows = {row.pk: row for row in RuleSet.objects.filter(pk__in=wanted)}
        if list_ids := {list_id for row in self._rows.values() for list_id in self.compiled(row)[0].list_ids}:
            self._lists.refresh(read_states(list_ids), keep_others=True)

    def find(self, envelope: Envelope) -> RuleSet | None:
        """The rule set that the message came with; where it is gone, the one its endpoint has now."""
        current_id = self._current.get(envelope.endpoint_id, "")
        return self._rows.get(envelope.rule_set_id) or self._rows.get(current_id)

    def compiled(self, rule_set: RuleSet) -> Compiled:
        cache, key = self._compiled, (rule_set.pk, rule_set.updated_at)
        if key not in cache:
            cache[key] = compile_rule_set(rule_set.document, self._lists), StepTexts()
            while len(cache) > _CACHED_RULE_SETS:
                cache.popitem(last=False)
        cache.move_to_end(key)
        return cache[key]


def walk(
    envelope: Envelope,
    message: Message,
    rule_sets: RuleSets,
    *,
    now: datetime,
    attempt: int,
    first_position: int,
) -> Walked:
    """Walk the rule set for the envelope's forward-paths. Never raises: what fails is to be walked later.

    `attempt`: 0 for the first walk, else the Walk delivery's attempt. New deliveries count from
    `first_position`.
    """
    walked = Walked()
    try:
        if message.count("Received") > MAX_HOPS:
            return _refused(envelope, walked, now, attempt)
        rule_set = rule_sets.find(envelope)
        if rule_set is None:
            raise LookupError(f"there is no rule set {envelope.rule_set_id}, and none of its endpoint")
        if rule_set.pk != envelope.rule_set_id:
            walked.events.append(
                Event("rule_set", EventKind.RULE_SET_REPLACED, now, {"RuleSet": rule_set.name})
            )
        compiled, texts = rule_sets.compiled(rule_set)
        plan = compiled.plan(envelope, message)
        told = pack(plan.events, envelope.forward_paths, texts)
    except Exception as error:
        log.exception("message_not_planned", message_id=envelope.message_id)
        return _not_walked(envelope, walked, f"{type(error).__name__}: {error}", now, attempt)
    paths = envelope.forward_paths
    walked.events.append(Event(f"walk.{attempt}", EventKind.WALKED, now, recipients=paths, members=told))
    return _planned(envelope, walked, plan, now=now, attempt=attempt, first_position=first_position)


def _refused(envelope: Envelope, walked: Walked, now: datetime, attempt: int) -> Walked:
    """The delivery of kind Walk says so itself, so a first walk only makes one."""
    if attempt == 0:
        walked.states = [walk_later(0, envelope.forward_paths, now)]
    words = f"the message has more than {MAX_HOPS} Received fields: it goes in a circle"
    walked.results = [Result(path, Finish.PERMANENT, words, _LOOP_STATUS) for path in envelope.forward_paths]
    return walked


def _not_walked(envelope: Envelope, walked: Walked, words: str, now: datetime, attempt: int) -> Walked:
    if attempt == 0:
        walked.states = [walk_later(0, envelope.forward_paths, now)]
    walked.results = [Result(path, Finish.TEMPORARY, words[:500]) for path in envelope.forward_paths]
    return walked


def _planned(
    envelope: Envelope, walked: Walked, plan: Plan, *, now: datetime, attempt: int, first_position: int
) -> Walked:
    deliveries = [_shifted(delivery, first_position) for delivery in plan.deliveries]
    walked.states = [DeliveryState.at_first(delivery, now) for delivery in deliveries]
    if plan.failed and attempt == 0:
        position = first_position + len(deliveries)
        walked.states.append(walk_later(position, plan.failed, now))
    if attempt:
        walked.results = _results(envelope, plan)
    taken = {path for delivery in plan.deliveries for path in delivery.origins}
    taken |= {path for delivery in plan.deliveries for _recipient, path in delivery.shared_origins}
    taken |= set(plan.failed)
    walked.outcomes = {path: Outcome.DROPPED for path in plan.dropped if path not in taken}
    walked.outcomes |= {path: Outcome.UNHANDLED for path in plan.unhandled if path not in taken}
    return walked


def _results(envelope: Envelope, plan: Plan) -> list[Result]:
    """Of the delivery of kind Walk that asked for it."""
    words = next(
        (e.detail["Error"] for e in plan.events if e.detail and "Error" in e.detail), "a rule failed"
    )
    return [
        Result(path, Finish.TEMPORARY, words)
        if path in plan.failed
        else Result(path, Finish.DONE, "the rule set was walked")
        for path in envelope.forward_paths
    ]


def walk_later(position: int, forward_paths: Sequence[str], now: datetime) -> DeliveryState:
    """A delivery that stands for walking the rule set, for those whose walk is still to be done."""
    paths = tuple(dict.fromkeys(forward_paths))
    return DeliveryState.at_first(
        Delivery(
            position=position,
            rule=0,
            rule_name="",
            action_index=0,
            kind=WALK,
            action={},
            recipients=paths,
            origins=paths,
        ),
        now,
    )


def _shifted(delivery: Delivery, by: int) -> Delivery:
    if by == 0:
        return delivery
    return replace(
        delivery, position=delivery.position + by, after=tuple(number + by for number in delivery.after)
    )
