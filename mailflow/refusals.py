"""Refusals in the message trace: told by the ingress, written in bulk by a thread of its own."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connections, transaction

from core.identifiers import new_message_id
from core.reply import Reply
from mailflow.logic.story import EventKind
from mailflow.logic.text import fit
from mailflow.models import MessageTrace, Outcome, RecipientTrace, TraceEvent

log = structlog.get_logger()

MAX_WAITING = 20_000  # some 10 MB; what comes beyond it, while the database is away, is counted and lost
MAX_BATCH = 500
MAX_RECIPIENTS_A_TRACE = 100
_GATHERS_SECONDS = 0.2  # nobody waits for a refusal to show; a flood of them comes in few transactions
_PAUSE_AFTER_FAILURE_SECONDS = 2.0
_ATTEMPTS = 3
_REMEMBERED_TRACES = 1_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reply that refused. `recipient` is "" where it was not about one (MAIL, DATA).

    `explanation`: CompiledPolicy.explain's, or None where no policy decided.
    """

    endpoint_id: str
    endpoint_name: str
    session_id: str
    at: datetime
    peer_address: str
    helo: str
    tls_version: str
    reverse_path: str
    recipient: str
    reply: Reply
    explanation: dict[str, Any] | None = None


class RefusalRecorder:
    """`record` never blocks and never fails. What was refused in one transaction is one trace."""

    def __init__(self) -> None:
        self._waiting: deque[Refusal] = deque()
        self._lost = 0
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
        # By session and reverse-path: the trace that the next recipient belongs to, and how many it has.
        self._traces: OrderedDict[tuple[str, str], tuple[str, int]] = OrderedDict()

    def start(self) -> None:
        self._thread.start()

    def record(self, refusal: Refusal) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(refusal)
        self._news.set()

    def close(self) -> None:
        """Returns when what waits is written, or was tried. May be called without `start`."""
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not (self._stopping.is_set() and not self._waiting):
                self._news.wait()
                self._stopping.wait(_GATHERS_SECONDS)
                self._news.clear()
                while self._waiting:
                    self._write_batch()
        finally:
            connections["default"].close()

    def _write_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        rows = self._rows(batch)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _write(*rows)
                break
            except (DatabaseError, InterfaceError) as error:
                log.warning("refusals_not_written", refusals=len(batch), attempt=attempt, error=str(error))
                connections["default"].close()
                if attempt == _ATTEMPTS:
                    self._lost += len(batch)
                    self._traces.clear()  # they may be among what is lost
                else:
                    self._stopping.wait(_PAUSE_AFTER_FAILURE_SECONDS)
        if self._lost:
            log.error("refusals_lost", refusals=self._lost)
            self._lost = 0

    def _rows(
        self, batch: Sequence[Refusal]
    ) -> tuple[list[MessageTrace], list[RecipientTrace], list[TraceEvent]]:
        traces, recipients, events = {}, [], []
        for refusal in batch:
            key = (refusal.session_id, refusal.reverse_path)
            trace_id, count = self._traces.pop(key, ("", MAX_RECIPIENTS_A_TRACE))
            if count >= MAX_RECIPIENTS_A_TRACE:
                trace_id, count = new_message_id(time.time_ns()), 0
                traces[trace_id] = _trace(trace_id, refusal)
            self._traces[key] = (trace_id, count + 1)
            mailbox = fit(refusal.recipient, 320)
            if mailbox:
                recipients.append(RecipientTrace(trace_id=trace_id, mailbox=mailbox, outcome=Outcome.REFUSED))
            events.append(
                TraceEvent(
                    trace_id=trace_id,
                    key=f"refused.{count}",
                    at=refusal.at,
                    kind=EventKind.REFUSED,
                    recipient=mailbox,
                    detail={"Reply": str(refusal.reply), "Explanation": refusal.explanation},
                )
            )
        while len(self._traces) > _REMEMBERED_TRACES:
            self._traces.popitem(last=False)
        return list(traces.values()), recipients, events


def _trace(trace_id: str, refusal: Refusal) -> MessageTrace:
    return MessageTrace(
        id=trace_id,
        endpoint_id=refusal.endpoint_id,
        endpoint_name=refusal.endpoint_name,
        session_id=refusal.session_id,
        received_at=refusal.at,
        peer_address=refusal.peer_address.partition("%")[0],  # without the scope of fe80::1%eth0
        helo=fit(refusal.helo, 255),
        tls_version=refusal.tls_version,
        reverse_path=fit(refusal.reverse_path, 320),
        outcome=Outcome.REFUSED,
    )


def _write(traces: list[MessageTrace], recipients: list[RecipientTrace], events: list[TraceEvent]) -> None:
    with transaction.atomic():
        MessageTrace.objects.bulk_create(traces)
        RecipientTrace.objects.bulk_create(recipients, ignore_conflicts=True)
        TraceEvent.objects.bulk_create(events, ignore_conflicts=True)
