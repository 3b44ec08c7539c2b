"""Writes the message trace: all rows of a batch in a handful of statements.

The trace tells of mail, it does not carry it: what can't be written is logged, and mail flows on.
Keys make it idempotent, so that a batch that is worked on again leaves one story.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, transaction

from core.envelope import Envelope
from mailflow.logic.story import EventKind
from mailflow.logic.text import fit, fit_document
from mailflow.models import MessageTrace, Outcome, RecipientTrace, TraceEvent
from mailflow.sql import bulk_cursor, stored_time

log = structlog.get_logger()

MAX_RECIPIENTS_TOLD = 100  # in one event's detail


@dataclass(frozen=True, slots=True)
class Event:
    """One row of TraceEvent. `key` is the same whenever the same thing is told again."""

    key: str
    kind: EventKind
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    recipients: Sequence[str] = ()


@dataclass(slots=True)
class Story:
    """What there is to tell of one message. `opening`: its own row, where this is the beginning."""

    message_id: str
    opening: "Opening | None" = None
    events: list[Event] = field(default_factory=list)
    recipient_outcomes: dict[str, Outcome] = field(default_factory=dict)  # by forward-path
    is_over: bool = False  # the message's outcome follows from its recipients'


@dataclass(frozen=True, slots=True)
class Opening:
    envelope: Envelope
    endpoint_name: str
    subject: str


def write(stories: Sequence[Story]) -> None:
    """Never raises what the database says: a batch that fails is written story by story, the rest logged."""
    if not stories:
        return
    try:
        _write(stories)
        return
    except _FAULTS as error:
        log.warning("trace_batch_not_written", messages=len(stories), error=str(error))
    for story in stories:
        try:
            _write([story])
        except _FAULTS as error:
            log.error("trace_not_written", message_id=story.message_id, error=str(error))


_FAULTS = (DatabaseError, InterfaceError, ValueError, TypeError)

_TRACE, _RECIPIENT, _EVENT = (model._meta.db_table for model in (MessageTrace, RecipientTrace, TraceEvent))
_INSERT_TRACE = (
    f"INSERT INTO {_TRACE} (id, endpoint_id, endpoint_name, session_id, received_at, peer_address, helo,"  # noqa: S608
    " tls_version, client_certificate, reverse_path, subject, size_bytes, outcome)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_INSERT_RECIPIENT = (
    f"INSERT INTO {_RECIPIENT} (trace_id, mailbox, outcome) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"  # noqa: S608
)
_UPDATE_RECIPIENT = f"UPDATE {_RECIPIENT} SET outcome = %s WHERE trace_id = %s AND mailbox = %s"  # noqa: S608
_UPDATE_TRACE = f"UPDATE {_TRACE} SET outcome = %s WHERE id = %s"  # noqa: S608
_INSERT_EVENT = (
    f"INSERT INTO {_EVENT} (trace_id, key, at, kind, recipient, detail)"  # noqa: S608
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


def _write(stories: Sequence[Story]) -> None:
    traces = [_trace_row(s.message_id, s.opening) for s in stories if s.opening]
    recipients = [
        (story.message_id, fit(mailbox, 320), Outcome.UNDER_WAY.value)
        for story in stories
        if story.opening
        for mailbox in story.opening.envelope.forward_paths
    ]
    outcomes = [
        (outcome.value, story.message_id, fit(mailbox, 320))
        for story in stories
        for mailbox, outcome in story.recipient_outcomes.items()
    ]
    events = [_event_row(story.message_id, event) for story in stories for event in story.events]
    with transaction.atomic(), bulk_cursor("default") as cursor:
        for statement, rows in (
            (_INSERT_TRACE, traces),
            (_INSERT_RECIPIENT, recipients),
            (_UPDATE_RECIPIENT, outcomes),
            (_INSERT_EVENT, events),
        ):
            if rows:
                cursor.executemany(statement, rows)
        over = [story.message_id for story in stories if story.is_over]
        if over:
            cursor.executemany(_UPDATE_TRACE, _message_outcomes(over))


def _trace_row(message_id: str, opening: Opening) -> tuple[Any, ...]:
    envelope = opening.envelope
    return (
        message_id,
        fit(envelope.endpoint_id, 64),
        fit(opening.endpoint_name, 100),
        fit(envelope.session_id, 40),
        stored_time("default", envelope.received_at),
        envelope.peer_address.partition("%")[0],  # without the scope of fe80::1%eth0
        fit(envelope.helo, 255),
        envelope.tls_version.value if envelope.tls_version else "",
        fit(envelope.client_certificate.subject, 255) if envelope.client_certificate else "",
        fit(envelope.reverse_path, 320),
        fit(opening.subject, 255),
        envelope.size_bytes,
        Outcome.UNDER_WAY.value,
    )


def _event_row(message_id: str, event: Event) -> tuple[Any, ...]:
    recipients = [fit(mailbox, 320) for mailbox in event.recipients[:MAX_RECIPIENTS_TOLD]]
    detail = fit_document(dict(event.detail))
    if len(recipients) != 1:
        detail["Recipients"] = recipients
    return (
        message_id,
        event.key,
        stored_time("default", event.at),
        event.kind.value,
        recipients[0] if len(recipients) == 1 else "",
        json.dumps(detail, separators=(",", ":")),
    )


# The worst first: who looks for trouble finds it.
_RANK = [
    Outcome.HELD,
    Outcome.UNDER_WAY,
    Outcome.FAILED,
    Outcome.BOUNCED,
    Outcome.REFUSED,
    Outcome.UNHANDLED,
    Outcome.DELIVERED,
    Outcome.DROPPED,
]


def _message_outcomes(message_ids: Iterable[str]) -> list[tuple[str, str]]:
    """(outcome, message ID), each the worst of its recipients'."""
    worst: dict[str, int] = {}
    rows = RecipientTrace.objects.filter(trace_id__in=list(message_ids)).values_list("trace_id", "outcome")
    for trace_id, outcome in rows.order_by().distinct():
        rank = _RANK.index(Outcome(outcome))
        worst[trace_id] = min(rank, worst.get(trace_id, rank))
    return [(_RANK[rank].value, trace_id) for trace_id, rank in worst.items()]
