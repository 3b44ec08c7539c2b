"""How outcomes and events look: the app's tables for the console's states."""

from django.utils.translation import gettext_lazy as _

from console.status import Look, Tone
from mailflow.logic.story import EventKind
from mailflow.models import Outcome, SpoolDelivery

OUTCOMES: dict[str, Look] = {
    Outcome.UNDER_WAY: Look(Outcome.UNDER_WAY.label, "pending", Tone.PENDING),
    Outcome.DELIVERED: Look(Outcome.DELIVERED.label, "success", Tone.SUCCESS),
    Outcome.DROPPED: Look(Outcome.DROPPED.label, "stopped", Tone.STOPPED),
    Outcome.BOUNCED: Look(Outcome.BOUNCED.label, "error", Tone.ERROR),
    Outcome.FAILED: Look(Outcome.FAILED.label, "error", Tone.ERROR),
    Outcome.HELD: Look(Outcome.HELD.label, "warning", Tone.WARNING),
    Outcome.UNHANDLED: Look(Outcome.UNHANDLED.label, "warning", Tone.WARNING),
    Outcome.REFUSED: Look(Outcome.REFUSED.label, "stopped", Tone.STOPPED),
}

DELIVERIES: dict[str, Look] = {
    SpoolDelivery.State.PENDING: Look(_("Waiting"), "pending", Tone.PENDING),
    SpoolDelivery.State.DONE: Look(_("Done"), "success", Tone.SUCCESS),
    SpoolDelivery.State.FAILED: Look(_("Failed"), "error", Tone.ERROR),
    SpoolDelivery.State.CANCELLED: Look(_("Left out"), "stopped", Tone.STOPPED),
}

_PLAIN = ("info", Tone.INFO)
_TOLD: dict[EventKind, tuple[str, Tone]] = {
    EventKind.REFUSED: ("error", Tone.ERROR),
    EventKind.ACCEPTED: ("mail", Tone.INFO),
    EventKind.RULE_PASSED_BY: ("right", Tone.STOPPED),
    EventKind.RULE_FAILED: ("warning", Tone.WARNING),
    EventKind.RULE_SET_REPLACED: ("warning", Tone.WARNING),
    EventKind.DROPPED: ("stopped", Tone.STOPPED),
    EventKind.UNHANDLED: ("warning", Tone.WARNING),
    EventKind.DONE: ("success", Tone.SUCCESS),
    EventKind.DELAYED: ("clock", Tone.PENDING),
    EventKind.FAILED: ("error", Tone.ERROR),
    EventKind.GAVE_UP: ("error", Tone.ERROR),
    EventKind.CANCELLED: ("stopped", Tone.STOPPED),
    EventKind.BOUNCE_SENT: ("mail", Tone.WARNING),
    EventKind.NOT_RETURNED: ("error", Tone.ERROR),
    EventKind.HELD: ("warning", Tone.WARNING),
    EventKind.RETRY_ASKED: ("person", Tone.INFO),
    EventKind.BOUNCE_ASKED: ("person", Tone.WARNING),
    EventKind.DISCARDED: ("person", Tone.WARNING),
}


def look_of_event(kind: str, words: str) -> Look:
    """`kind` may be of a later version."""
    known = EventKind(kind) if kind in EventKind.__members__ else None
    icon, tone = _TOLD.get(known, _PLAIN) if known else _PLAIN
    return Look(words, icon, tone)
