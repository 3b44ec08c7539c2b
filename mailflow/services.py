"""What people may do to mail in the spool. Each verb may be called while workers run."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from core.errors import Conflict, NotFound
from core.identifiers import random_text
from mailflow import intake, recording, trace
from mailflow.actions.contract import Finish, Result
from mailflow.advance import Attempted
from mailflow.logic.progress import FAILED_STATUS
from mailflow.logic.story import EventKind
from mailflow.models import MessageTrace, Outcome, RecipientTrace, SpoolDelivery, SpoolMessage
from mailflow.notices import try_to_send_notice
from mailflow.trace import Event, Story

_GIVEN_UP = "given up by the administrator"  # the sender reads it: no names


def get_trace(message_id: str) -> MessageTrace:
    """NotFound where there is no such trace; mail that no worker looked at yet has none."""
    found = MessageTrace.objects.filter(pk=message_id).first()
    if found is None:
        raise NotFound(_("There is no message %(id)s in the trace.") % {"id": message_id})
    return found


def retry(actor: Actor, message_id: str) -> None:
    """Try what waits at once, held mail too. Conflict where a worker has the message in hand."""
    require(actor, Permission.WRITE)
    now = datetime.now(UTC)
    with transaction.atomic(), transaction.atomic(using=settings.SPOOL_ALIAS):
        _change_free(message_id, now, next_attempt_at=now, hold_reason="", lease_owner="", leased_until=None)
        SpoolDelivery.objects.filter(message_id=message_id, state=SpoolDelivery.State.PENDING).update(
            next_attempt_at=now
        )
        _tell(actor, message_id, EventKind.RETRY_ASKED, now)
        RecipientTrace.objects.filter(trace_id=message_id, outcome=Outcome.HELD).update(
            outcome=Outcome.UNDER_WAY
        )
        MessageTrace.objects.filter(pk=message_id, outcome=Outcome.HELD).update(outcome=Outcome.UNDER_WAY)
        audit(actor, "mailflow.retry", message=message_id)
        transaction.on_commit(try_to_send_notice)


def bounce(actor: Actor, message_id: str) -> None:
    """Give up what is not done yet, and tell the sender where there is one. Conflict where a worker has
    the message in hand, or its envelope can't be read."""
    require(actor, Permission.WRITE)
    owner = f"person:{random_text(8)}"
    work = intake.open_one(owner, message_id)
    if work is None:
        raise _refusal(message_id)
    given_up = [
        Attempted(
            work,
            position,
            [Result(recipient, Finish.PERMANENT, _GIVEN_UP, FAILED_STATUS) for recipient in state.remaining],
        )
        for position, state in work.states.items()
        if not state.is_over
    ]
    audit(actor, "mailflow.bounce", message=message_id)
    _tell(actor, message_id, EventKind.BOUNCE_ASKED, datetime.now(UTC))
    recording.record(owner, given_up)
    try_to_send_notice()


def drop(actor: Actor, message_id: str) -> None:
    """Discard what is not done yet, without a word to the sender. Conflict as for `retry`."""
    require(actor, Permission.WRITE)
    now = datetime.now(UTC)
    with transaction.atomic(), transaction.atomic(using=settings.SPOOL_ALIAS):
        _change_free(message_id, now, lease_owner="")
        recording.remove([message_id])
        RecipientTrace.objects.filter(
            trace_id=message_id, outcome__in=[Outcome.UNDER_WAY, Outcome.HELD]
        ).update(outcome=Outcome.DROPPED)
        _tell(actor, message_id, EventKind.DISCARDED, now, is_over=True)
        audit(actor, "mailflow.drop", message=message_id)


def _change_free(message_id: str, now: datetime, **fields: Any) -> None:
    """Change the message's row; refused where a worker has it in hand."""
    free = SpoolMessage.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), pk=message_id)
    if not free.update(**fields):
        raise _refusal(message_id)


def _refusal(message_id: str) -> NotFound | Conflict:
    """Why nothing can be done with a message now."""
    row = SpoolMessage.objects.filter(pk=message_id).first()
    if row is None:
        return NotFound(_("Message %(id)s is not in the spool: nothing of it waits.") % {"id": message_id})
    if row.leased_until and row.leased_until > datetime.now(UTC):
        return Conflict(_("A worker has the message in hand right now; try again in a moment."))
    return Conflict(_("The message's envelope can't be read, so that there is nobody to tell."))


def _tell(actor: Actor, message_id: str, kind: EventKind, now: datetime, *, is_over: bool = False) -> None:
    key = f"{kind.value.lower()}.{now.timestamp():.6f}"
    event = Event(key, kind, now, {"Actor": actor.name})
    if MessageTrace.objects.filter(pk=message_id).exists():  # no worker may have looked at it yet
        trace.write([Story(message_id, events=[event], is_over=is_over)])
