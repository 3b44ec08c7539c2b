"""Writes the message trace: all rows of a batch in a handful of statements.

The trace tells of mail, it does not carry it: what can't be written is logged, and mail flows on.
Keys make it idempotent, so that a batch that is worked on again leaves one story.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from core.envelope import Envelope
from mailflow.logic.story import EventKind
from mailflow.logic.text import fit, fit_document, write_json
from mailflow.logic.walk_story import MAX_RECIPIENT_LENGTH, MAX_RECIPIENTS_TOLD
from mailflow.models import MessageTrace, Outcome, RecipientTrace, TraceEvent
from mailflow.sql import bulk_cursor, insert_rows, stored_time

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Event:
    """One row of TraceEvent. `key` is the same whenever the same thing is told again. `members`: more of
    its detail, as the members of a JSON object, written and fit already."""

    key: str
    kind: EventKind
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    recipients: Sequence[str] = ()
    members: str = ""


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
_TRACE_COLUMNS = (
    "id",
    "endpoint_id",
    "endpoint_name",
    "session_id",
    "received_at",
    "peer_address",
    "helo",
    "tls_version",
    "client_certificate",
    "reverse_path",
    "subject",
    "size_bytes",
    "outcome",
)
_RECIPIENT_COLUMNS = ("trace_id", "mailbox", "outcome")
_EVENT_COLUMNS = ("trace_id", "key", "at", "kind", "recipient", "detail")
# What is known now wins over what was told before; that something is under way says nothing new.
_KNOWN = {_TRACE: "(id) DO UPDATE SET outcome = excluded.outcome"} | {
    _RECIPIENT: "(trace_id, mailbox) DO UPDATE SET outcome = excluded.outcome"
}
_UPDATE_RECIPIENT = f"UPDATE {_RECIPIENT} SET outcome = %s WHERE trace_id = %s AND mailbox = %s"  # noqa: S608
_UPDATE_TRACE = f"UPDATE {_TRACE} SET outcome = %s WHERE id = %s"  # noqa: S608


def _write(stories: Sequence[Story]) -> None:
    traces: list[tuple[Any, ...]] = []
    recipients: list[tuple[str, str, str]] = []
    outcomes: list[tuple[str, str, str]] = []
    over: list[str] = []  # whose outcome follows from rows of earlier times
    events = [_event_row(story.message_id, event) for story in stories for event in story.events]
    for story in stories:
        known = {fit(mailbox, 320): outcome.value for mailbox, outcome in story.recipient_outcomes.items()}
        if story.opening is None:
            outcomes += [(outcome, story.message_id, mailbox) for mailbox, outcome in known.items()]
            if story.is_over:
                over.append(story.message_id)
            continue
        paths = dict.fromkeys(fit(mailbox, 320) for mailbox in story.opening.envelope.forward_paths)
        ends = {path: known.get(path, Outcome.UNDER_WAY.value) for path in paths}
        recipients += [(story.message_id, path, outcome) for path, outcome in ends.items()]
        outcome = _worst(ends.values()) if story.is_over else Outcome.UNDER_WAY.value
        traces.append(_trace_row(story.message_id, story.opening, outcome))
    with transaction.atomic(), connection.wrap_database_errors:
        _insert(_TRACE, _TRACE_COLUMNS, traces)
        _insert(_RECIPIENT, _RECIPIENT_COLUMNS, recipients)
        insert_rows("default", _EVENT, _EVENT_COLUMNS, events)
        with bulk_cursor("default") as cursor:
            if outcomes:
                cursor.executemany(_UPDATE_RECIPIENT, outcomes)
            if over:
                cursor.executemany(_UPDATE_TRACE, _message_outcomes(over))


def _insert(table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows that end with an outcome."""
    under_way = [row for row in rows if row[-1] == Outcome.UNDER_WAY]
    insert_rows("default", table, columns, under_way)
    if len(under_way) < len(rows):
        known = [row for row in rows if row[-1] != Outcome.UNDER_WAY]
        insert_rows("default", table, columns, known, _KNOWN[table])


def _trace_row(message_id: str, opening: Opening, outcome: str) -> tuple[Any, ...]:
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
        outcome,
    )


def _event_row(message_id: str, event: Event) -> tuple[Any, ...]:
    recipients = [fit(mailbox, MAX_RECIPIENT_LENGTH) for mailbox in event.recipients[:MAX_RECIPIENTS_TOLD]]
    detail = fit_document(dict(event.detail))
    if len(recipients) != 1:
        detail["Recipients"] = recipients
    text = write_json(detail)
    if event.members:
        text = f"{text[:-1]}{',' if detail else ''}{event.members}}}"
    return (
        message_id,
        event.key,
        stored_time("default", event.at),
        event.kind.value,
        recipients[0] if len(recipients) == 1 else "",
        text,
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


_RANK_OF = {outcome.value: rank for rank, outcome in enumerate(_RANK)}


def _worst(outcomes: Iterable[str]) -> str:
    return _RANK[min(_RANK_OF[outcome] for outcome in outcomes)].value


def _message_outcomes(message_ids: Iterable[str]) -> list[tuple[str, str]]:
    """(outcome, message ID), each the worst of its recipients'."""
    found: dict[str, list[str]] = {}
    rows = RecipientTrace.objects.filter(trace_id__in=list(message_ids)).values_list("trace_id", "outcome")
    for trace_id, outcome in rows.order_by().distinct():
        found.setdefault(trace_id, []).append(outcome)
    return [(_worst(outcomes), trace_id) for trace_id, outcomes in found.items()]
