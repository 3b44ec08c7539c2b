"""One message's way through the rules: who is still under way, and what was decided so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.envelope import Envelope
from core.message import Message
from rulesets.logic.conditions import Facts, fold_address
from rulesets.logic.delivery import Delivery, FailurePolicy, Plan, Step, WalkEvent

# 100 forward-paths (MAILMANAGER_MAX_RECIPIENTS), each rewritten into 100 (ReplaceRecipient's limit).
# Only rewriting what was rewritten, for parts of the recipients, goes beyond.
MAX_LANES = 10_000


class RuleFault(Exception):
    """The rule can't be carried out for this message; `str(self)` is for the trace."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One recipient under way. Forward-paths that were rewritten into one stay apart until delivery.

    `blockers`: positions of its actions with FailurePolicy.DROP. `is_handled`: something delivered or
    stored its mail. `is_failed`: a rule failed it.
    """

    recipient: str
    origin: str
    folded: str
    added_headers: tuple[tuple[str, str], ...] = ()
    blockers: tuple[int, ...] = ()
    is_handled: bool = False
    is_failed: bool = False


@dataclass
class _Bundle:
    """Recipients that one delivery serves; from the folded recipient to the lanes that it stands for."""

    blockers: tuple[int, ...]
    lanes: dict[str, list[Lane]] = field(default_factory=dict)

    def takes(self, lane: Lane) -> bool:
        """Whether a lane can join: two of the same recipient become one, unless a failure that held
        one of them back would then hold back the other's mail."""
        sharing = self.lanes.get(lane.folded)
        return sharing is None or not self.blockers or all(lane.origin == other.origin for other in sharing)


class Walk:
    """Mutable; one for each message."""

    def __init__(self, envelope: Envelope, message: Message) -> None:
        self.facts = Facts(envelope, message)
        self.lanes = [Lane(path, path, fold_address(path)) for path in dict.fromkeys(envelope.forward_paths)]
        self.deliveries: list[Delivery] = []
        self.events: list[WalkEvent] = []
        self._dropped: list[str] = []
        self._failed: list[str] = []
        self._rule: int | None = None
        self._rule_name = ""

    def enter(self, rule: int, rule_name: str) -> None:
        """What is told from here on is told of that rule."""
        self._rule, self._rule_name = rule, rule_name

    def tell(
        self,
        step: Step,
        lanes: Sequence[Lane],
        *,
        action_index: int | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        if len(lanes) == 1:
            recipients: tuple[str, ...] = (lanes[0].recipient,)
        else:
            recipients = tuple(dict.fromkeys(lane.recipient for lane in lanes))
        self.events.append(WalkEvent(step, recipients, self._rule, self._rule_name, action_index, detail))

    # --- what actions do; each takes the lanes of its rule and returns those that go on ----------

    def drop(self, lanes: list[Lane], action_index: int) -> list[Lane]:
        """A lane that a rule failed is not dropped: that rule might have delivered its mail."""
        going = [lane for lane in lanes if lane.is_failed and not lane.is_handled]
        dropped = [lane for lane in lanes if not lane.is_failed or lane.is_handled]
        self._failed += [lane.origin for lane in going]
        self._dropped += [lane.origin for lane in dropped]
        if dropped:
            self.tell(Step.DROPPED, dropped, action_index=action_index)
        return []

    def add_header(self, lanes: list[Lane], action_index: int, name: str, value: str) -> list[Lane]:
        self.tell(Step.HEADER_ADDED, lanes, action_index=action_index, detail={"Name": name, "Value": value})
        return [replace(lane, added_headers=(*lane.added_headers, (name, value))) for lane in lanes]

    def replace_recipients(
        self, lanes: list[Lane], action_index: int, others: int, recipients: tuple[tuple[str, str], ...]
    ) -> list[Lane]:
        """`recipients`: (as typed, folded). `others`: lanes that this rule does not concern.
        RuleFault where it would become too many."""
        if others + len(lanes) * len(recipients) > MAX_LANES:
            lanes = _without_doubles(lanes)
        if others + len(lanes) * len(recipients) > MAX_LANES:
            raise RuleFault(f"rewriting would make more than {MAX_LANES:,} recipients")
        detail = {"ReplaceWith": [recipient for recipient, _folded in recipients]}
        self.tell(Step.RECIPIENTS_REPLACED, lanes, action_index=action_index, detail=detail)
        return _without_doubles(
            replace(lane, recipient=recipient, folded=folded)
            for lane in lanes
            for recipient, folded in recipients
        )

    def plan(self, lanes: list[Lane], action_index: int, kind: str, action: dict[str, Any]) -> list[Lane]:
        """Deliveries of one action: one for all lanes with the same headers and blockers."""
        policy = FailurePolicy(action.get("ActionFailurePolicy", FailurePolicy.CONTINUE))
        going: list[Lane] = []
        for bundle in _bundles(lanes):
            delivery = self._delivery(bundle, action_index, kind, action, policy)
            self.deliveries.append(delivery)
            members = [lane for sharing in bundle.lanes.values() for lane in sharing]
            self.tell(
                Step.PLANNED,
                members,
                action_index=action_index,
                detail={"Kind": kind, "Position": delivery.position},
            )
            blocked_by = (delivery.position,) if policy is FailurePolicy.DROP else ()
            going += [replace(lane, is_handled=True, blockers=lane.blockers + blocked_by) for lane in members]
        return going

    def fail(self, lanes: list[Lane], error: Exception, action_index: int | None = None) -> list[Lane]:
        detail = {"Error": f"{type(error).__name__}: {error}"[:500]}
        self.tell(Step.RULE_FAILED, lanes, action_index=action_index, detail=detail)
        return [replace(lane, is_failed=True) for lane in lanes]

    def finish(self) -> Plan:
        self._rule, self._rule_name = None, ""
        left = [lane for lane in self.lanes if not lane.is_handled]
        unhandled = [lane for lane in left if not lane.is_failed]
        self._failed += [lane.origin for lane in left if lane.is_failed]
        if unhandled:
            self.tell(Step.UNHANDLED, unhandled)
        return Plan(
            deliveries=tuple(self.deliveries),
            events=tuple(self.events),
            dropped=tuple(dict.fromkeys(self._dropped)),
            unhandled=tuple(dict.fromkeys(lane.origin for lane in unhandled)),
            failed=tuple(dict.fromkeys(self._failed)),
        )

    def _delivery(
        self, bundle: _Bundle, action_index: int, kind: str, action: dict[str, Any], policy: FailurePolicy
    ) -> Delivery:
        assert self._rule is not None, "a delivery outside of a rule"
        firsts = [sharing[0] for sharing in bundle.lanes.values()]
        shared = dict.fromkeys(
            (sharing[0].recipient, other.origin)
            for sharing in bundle.lanes.values()
            for other in sharing
            if other.origin != sharing[0].origin
        )
        return Delivery(
            position=len(self.deliveries),
            rule=self._rule,
            rule_name=self._rule_name,
            action_index=action_index,
            kind=kind,
            action=action,
            recipients=tuple(lane.recipient for lane in firsts),
            origins=tuple(lane.origin for lane in firsts),
            added_headers=firsts[0].added_headers,
            failure_policy=policy,
            after=bundle.blockers,
            shared_origins=tuple(shared),
        )


def _without_doubles(lanes: Any) -> list[Lane]:
    """Lanes of one forward-path that rewriting made the same become one."""
    kept: dict[tuple[Any, ...], Lane] = {}
    for lane in lanes:
        key = (lane.origin, lane.folded, lane.added_headers, lane.blockers)
        if key in kept:
            first = kept[key]
            is_handled, is_failed = first.is_handled or lane.is_handled, first.is_failed or lane.is_failed
            kept[key] = replace(first, is_handled=is_handled, is_failed=is_failed)
        else:
            kept[key] = lane
    return list(kept.values())


def _bundles(lanes: list[Lane]) -> list[_Bundle]:
    alike: dict[tuple[Any, ...], list[_Bundle]] = {}
    for lane in lanes:
        bundles = alike.setdefault((lane.added_headers, lane.blockers), [])
        bundle = next((bundle for bundle in bundles if bundle.takes(lane)), None)
        if bundle is None:
            bundle = _Bundle(lane.blockers)
            bundles.append(bundle)
        bundle.lanes.setdefault(lane.folded, []).append(lane)
    return [bundle for bundles in alike.values() for bundle in bundles]
