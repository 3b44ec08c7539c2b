"""What can happen to a message: the trace's events, and the words that tell them.

Pure: a sentence is a message ID of gettext with values; who shows it translates it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """Kinds of TraceEvent; `detail` holds the words in parentheses."""

    REFUSED = "REFUSED"  # (Reply, Explanation)
    ACCEPTED = "ACCEPTED"  # (Recipients, Endpoint)
    RULE_SET_REPLACED = "RULE_SET_REPLACED"  # (RuleSet) the one it came with is gone
    PLANNING_FAILED = "PLANNING_FAILED"  # (Error, NextAttemptAt)
    WALKED = "WALKED"  # (Steps) all of a walk, as mailflow.logic.walk_story packs it; told step by step
    # The walk's steps; from rulesets.logic.delivery.Step. (Rule, Recipients, and the step's own detail)
    RULE_MATCHED = "RULE_MATCHED"
    RULE_PASSED_BY = "RULE_PASSED_BY"
    RULE_FAILED = "RULE_FAILED"
    DROPPED = "DROPPED"
    HEADER_ADDED = "HEADER_ADDED"
    RECIPIENTS_REPLACED = "RECIPIENTS_REPLACED"
    PLANNED = "PLANNED"
    UNHANDLED = "UNHANDLED"
    # Deliveries. (Kind, Rule, Recipients, Attempt, Words, Remote)
    DONE = "DONE"
    DELAYED = "DELAYED"  # (NextAttemptAt)
    FAILED = "FAILED"
    GAVE_UP = "GAVE_UP"
    CANCELLED = "CANCELLED"
    # The end
    BOUNCE_SENT = "BOUNCE_SENT"  # (Recipients, Bounce: the bounce's message ID, Sender)
    BOUNCE_MADE = "BOUNCE_MADE"  # of the bounce's own story (Message)
    NOT_RETURNED = "NOT_RETURNED"  # (Recipients) the reverse-path is null
    HELD = "HELD"  # (Reason)
    # People. (Actor)
    RETRY_ASKED = "RETRY_ASKED"
    BOUNCE_ASKED = "BOUNCE_ASKED"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class Sentence:
    """`gettext(text) % values`."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def in_words(self, gettext: Callable[[str], str] = str) -> str:
        return gettext(self.text) % self.values


def gettext_noop(text: str) -> str:
    """Marks `text` for makemessages."""
    return text


_TEXTS: dict[EventKind, str] = {
    EventKind.REFUSED: gettext_noop("Refused: %(Reply)s"),
    EventKind.ACCEPTED: gettext_noop("Accepted for %(Recipients)s"),
    EventKind.RULE_SET_REPLACED: gettext_noop(
        "Its rule set is gone; the one that the endpoint has now is used: %(RuleSet)s"
    ),
    EventKind.PLANNING_FAILED: gettext_noop("The rule set could not be walked: %(Error)s"),
    EventKind.RULE_MATCHED: gettext_noop("Rule “%(Rule)s” matched %(Recipients)s"),
    EventKind.RULE_PASSED_BY: gettext_noop("Rule “%(Rule)s” did not match %(Recipients)s"),
    EventKind.RULE_FAILED: gettext_noop(
        "Rule “%(Rule)s” could not be evaluated and was passed by: %(Error)s"
    ),
    EventKind.DROPPED: gettext_noop("Rule “%(Rule)s” dropped the message for %(Recipients)s"),
    EventKind.HEADER_ADDED: gettext_noop("Rule “%(Rule)s” added a header for %(Recipients)s"),
    EventKind.RECIPIENTS_REPLACED: gettext_noop(
        "Rule “%(Rule)s” replaced %(Recipients)s with %(ReplaceWith)s"
    ),
    EventKind.PLANNED: gettext_noop("Rule “%(Rule)s” asks for %(Kind)s for %(Recipients)s"),
    EventKind.UNHANDLED: gettext_noop("No action took the message for %(Recipients)s"),
    EventKind.DONE: gettext_noop("%(Kind)s done for %(Recipients)s: %(Words)s"),
    EventKind.DELAYED: gettext_noop("%(Kind)s did not work yet for %(Recipients)s: %(Words)s"),
    EventKind.FAILED: gettext_noop("%(Kind)s failed for %(Recipients)s: %(Words)s"),
    EventKind.GAVE_UP: gettext_noop("%(Kind)s was tried for too long for %(Recipients)s: %(Words)s"),
    EventKind.CANCELLED: gettext_noop(
        "%(Kind)s was left out for %(Recipients)s, because an action before it failed"
    ),
    EventKind.BOUNCE_SENT: gettext_noop("%(Sender)s is told that the message did not reach %(Recipients)s"),
    EventKind.BOUNCE_MADE: gettext_noop("Made to tell the sender what became of message %(Message)s"),
    EventKind.NOT_RETURNED: gettext_noop(
        "The message did not reach %(Recipients)s, and has no sender that could be told"
    ),
    EventKind.HELD: gettext_noop("Held: %(Reason)s"),
    EventKind.RETRY_ASKED: gettext_noop("%(Actor)s asked to try again now"),
    EventKind.BOUNCE_ASKED: gettext_noop("%(Actor)s gave the message up"),
    EventKind.DISCARDED: gettext_noop("%(Actor)s discarded the message"),
}

# Words of the service model, as people say them.
_KINDS: dict[str, str] = {
    "Relay": gettext_noop("Relaying"),
    "DeliverToMailbox": gettext_noop("Delivery to the mailbox"),
    "WriteToS3": gettext_noop("Writing to the bucket"),
    "Dsn": gettext_noop("Sending the bounce"),
    "Walk": gettext_noop("Walking the rule set"),
}


def kind_in_words(kind: str) -> str:
    """A message ID of gettext."""
    return _KINDS.get(kind, kind)


def tell(
    kind: str,
    detail: Mapping[str, Any],
    recipient: str = "",
    translate: Callable[[str], str] = str,
) -> Sentence:
    """One event in words. An unknown kind, of a later version, is told by its name."""
    text = _TEXTS.get(EventKind(kind)) if kind in EventKind.__members__ else None
    if text is None:
        return Sentence("%(kind)s", {"kind": kind})
    values = {name: _in_words(value) for name, value in detail.items()}
    values.setdefault("Recipients", recipient)
    if "Kind" in values:
        values["Kind"] = translate(kind_in_words(values["Kind"]))
    return Sentence(text, _Values(values))


class _Values(dict[str, str]):
    """Values of a sentence; what an older version did not write down is told as a dash."""

    def __missing__(self, name: str) -> str:
        return "-"


def _in_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
