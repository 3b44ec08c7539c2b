"""What walking a rule set comes to: actions still to be done, each for the recipients that share it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self


class FailurePolicy(StrEnum):
    """ActionFailurePolicy of the service model: what a permanent failure of the action means."""

    CONTINUE = "CONTINUE"  # the recipients go on to what comes next
    DROP = "DROP"  # whatever comes later is not done for these recipients


@dataclass(frozen=True, slots=True)
class Delivery:
    """One action that reaches outside, for the recipients that take it in the same way.

    `position` counts from 0 in the plan. `rule` and `action_index` count from 0 in the document.
    `kind` is the action's name in the service model (`Relay`), `action` its document, whole.
    `recipients` are the mailboxes after rewriting, each once; `origins[i]` is the forward-path that
    `recipients[i]` stands for. Where rewriting made several forward-paths one recipient, the others
    are in `shared_origins`, as (recipient, forward-path).
    `added_headers` come from Add header actions before this one, in order.
    `after`: positions whose action has FailurePolicy.DROP and came before, for these same recipients
    or what they stood for then. This one waits until they have ended, and is not done for the
    recipients that `held_back` names.
    """

    position: int
    rule: int
    rule_name: str
    action_index: int
    kind: str
    action: dict[str, Any]
    recipients: tuple[str, ...]
    origins: tuple[str, ...]
    added_headers: tuple[tuple[str, str], ...] = ()
    failure_policy: FailurePolicy = FailurePolicy.CONTINUE
    after: tuple[int, ...] = ()
    shared_origins: tuple[tuple[str, str], ...] = ()

    def to_document(self) -> dict[str, Any]:
        """As stored in the spool: JSON types only."""
        document = {name: getattr(self, name) for name in self.__slots__}
        document["recipients"], document["origins"] = list(self.recipients), list(self.origins)
        document["added_headers"] = [list(header) for header in self.added_headers]
        document["failure_policy"] = self.failure_policy.value
        document["after"] = list(self.after)
        document["shared_origins"] = [list(pair) for pair in self.shared_origins]
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        values = dict(document)
        values["recipients"], values["origins"] = tuple(values["recipients"]), tuple(values["origins"])
        values["added_headers"] = tuple((name, value) for name, value in values["added_headers"])
        values["failure_policy"] = FailurePolicy(values["failure_policy"])
        values["after"] = tuple(values["after"])
        values["shared_origins"] = tuple((recipient, path) for recipient, path in values["shared_origins"])
        return cls(**values)


def held_back(delivery: Delivery, earlier: Delivery, failed: Collection[str]) -> frozenset[str]:
    """The recipients for whom `delivery` is not done since `earlier`, one of `delivery.after`, failed
    permanently for `failed` of its own: the same recipients, and those that stand for a failed one
    since it was rewritten."""
    failed_origins = {
        origin
        for recipient, origin in zip(earlier.recipients, earlier.origins, strict=True)
        if recipient in failed
    }
    return frozenset(
        recipient
        for recipient, origin in zip(delivery.recipients, delivery.origins, strict=True)
        if (recipient in failed if recipient in earlier.recipients else origin in failed_origins)
    )


class Step(StrEnum):
    """What can be told of a rule set's walk."""

    RULE_MATCHED = "RULE_MATCHED"  # detail: Conditions, Unless with their results
    RULE_PASSED_BY = "RULE_PASSED_BY"  # detail: which condition failed, or which exception held
    DROPPED = "DROPPED"
    HEADER_ADDED = "HEADER_ADDED"
    RECIPIENTS_REPLACED = "RECIPIENTS_REPLACED"  # detail: ReplaceWith
    PLANNED = "PLANNED"  # detail: Kind, Position: an action that reaches outside
    UNHANDLED = "UNHANDLED"  # the end was reached, and nothing delivered, stored or dropped the mail
    RULE_FAILED = "RULE_FAILED"  # a fault of ours in one rule; detail: Error; its rest was passed by


class WalkEvent(NamedTuple):
    """One step of the walk, for the recipients (after rewriting so far) that it concerns, in order. A tuple,
    as one is made for each rule that a message meets: a frozen dataclass takes four times as long to make."""

    step: Step
    recipients: tuple[str, ...]
    rule: int | None = None
    rule_name: str = ""
    action_index: int | None = None
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. Each forward-path of the envelope is in one of these at least.

    `dropped`, `unhandled` and `failed` are forward-paths as the envelope had them.
    `unhandled`: somebody that stood for it reached the end, and no action delivered or stored the mail.
    `failed`: a rule failed by a fault of ours, and no action delivered or stored the mail; a Drop that
    came later did not count, since the failed rule might have delivered. The mail must not end here: it
    is to be walked again later, and bounced at last.
    """

    deliveries: tuple[Delivery, ...]
    events: tuple[WalkEvent, ...]
    dropped: tuple[str, ...] = ()
    unhandled: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
