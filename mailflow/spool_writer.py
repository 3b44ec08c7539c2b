"""The spool's writing side: one thread, one database connection, one transaction for each batch."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connections, transaction

from core import reply
from core.envelope import Envelope
from core.errors import MailError
from mailflow.large_content import LargeContent, insert_large
from mailflow.models import SpoolContent, SpoolMessage
from mailflow.sql import insert_rows, stored_time

log = structlog.get_logger()


Settled = Callable[[MailError | None], None]  # None: it is on disk


@dataclass(slots=True)
class Entry:
    """A message on its way into the spool, and who is to be told."""

    envelope: Envelope
    content: bytes | LargeContent
    settled: Settled


@dataclass(frozen=True, slots=True)
class Commit:
    """A batch that was written, or tried."""

    seconds: float
    messages: int
    is_stored: bool  # all of it


# So many are remembered until somebody takes them.
_MAX_COMMITS = 10_000

# What became of a batch: for each entry None, or why it is not in the spool.
Outcomes = list[MailError | None]


class SpoolWriter:
    """Takes batches in order and calls `settled(batch, outcomes)` after each, on its own thread."""

    def __init__(self, alias: str, settled: Callable[[Sequence[Entry], Outcomes], None]) -> None:
        self._alias = alias
        self._settled = settled
        self.commits: deque[Commit] = deque(maxlen=_MAX_COMMITS)
        self._batches: SimpleQueue[Sequence[Entry] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, batch: Sequence[Entry]) -> None:
        """Never blocks."""
        self._batches.put(batch)

    def stop(self) -> None:
        """Returns when everything put before is settled."""
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                began_at = time.perf_counter()
                try:
                    outcomes = commit(self._alias, batch)
                except Exception:  # the thread's edge: without it nobody would ever be answered again
                    log.exception("spool_writer_failed", messages=len(batch))
                    outcomes = [MailError("spool writer failed", reply=reply.SPOOL_FAILED)] * len(batch)
                seconds = time.perf_counter() - began_at
                self.commits.append(Commit(seconds, len(batch), not any(outcomes)))
                self._settled(batch, outcomes)
        finally:
            connections[self._alias].close()


# What a database answers, and what Python says of values that it can't take.
_FAULTS = (DatabaseError, InterfaceError, ValueError, TypeError)


def commit(alias: str, entries: Sequence[Entry]) -> Outcomes:
    """Store all in one transaction; where that fails, each in one of its own, so that a bad message
    takes no other with it. A connection that broke is made anew, once."""
    outcomes: Outcomes = []
    try:
        _write(alias, entries)
        return [None] * len(entries)
    except _FAULTS as error:
        log.warning("spool_commit_failed", messages=len(entries), error=str(error))
        is_usable = not _is_busy(error)
    for entry in entries:
        if not (is_usable and _is_reachable(alias)):
            outcomes.append(MailError("the spool's database is away", reply=reply.SPOOL_FAILED))
            continue
        try:
            _write(alias, [entry])
            outcomes.append(None)
        except _FAULTS as error:
            log.error("message_not_spooled", message_id=entry.envelope.message_id, error=str(error))
            answer = reply.STORAGE_FULL if _is_full(error) else reply.SPOOL_FAILED
            outcomes.append(MailError(str(error), reply=answer))
            is_usable = not _is_busy(error)
    return outcomes


def _is_reachable(alias: str) -> bool:
    """Whether there is a working connection, a new one if need be."""
    connection = connections[alias]
    try:
        if connection.connection is not None and connection.is_usable():
            return True
        connection.close()
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        return False
    return True


def _is_full(error: BaseException) -> bool:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) == sqlite3.SQLITE_FULL
    return isinstance(cause, psycopg.errors.DiskFull)


def _is_busy(error: BaseException) -> bool:
    """Another process held SQLite's write lock for longer than the connection's timeout."""
    return isinstance(error.__cause__, sqlite3.Error) and _sqlite_code(error.__cause__) == sqlite3.SQLITE_BUSY


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what SQLite adds to a primary code


# --- the two statements ---------------------------------------------------------------------------
# By hand: an ORM object for each message would cost more than the rest of its acceptance. A batch
# that is written again, after an answer that got lost, finds itself there already, and that is fine.

_MESSAGE_TABLE = SpoolMessage._meta.db_table
_MESSAGE_COLUMNS = (
    "id",
    "envelope",
    "size_bytes",
    "attempts",
    "next_attempt_at",
    "lease_owner",
    "hold_reason",
)
_CONTENT_TABLE = SpoolContent._meta.db_table
_CONTENT_COLUMNS = ("message_id", "content")


def _write(alias: str, entries: Sequence[Entry]) -> None:
    connection = connections[alias]
    now = stored_time(alias, datetime.now(UTC))
    messages = [
        (
            entry.envelope.message_id,
            entry.envelope.to_json(),
            len(entry.content),
            0,
            now,
            "",
            "",
        )
        for entry in entries
    ]
    contents = [
        (entry.envelope.message_id, entry.content) for entry in entries if isinstance(entry.content, bytes)
    ]
    with _transaction(alias), connection.wrap_database_errors:
        insert_rows(alias, _MESSAGE_TABLE, _MESSAGE_COLUMNS, messages)
        insert_rows(alias, _CONTENT_TABLE, _CONTENT_COLUMNS, contents)
        for entry in entries:
            if isinstance(entry.content, LargeContent):
                insert_large(alias, entry.envelope.message_id, entry.content)


@contextmanager
def _transaction(alias: str) -> Iterator[None]:
    """`transaction.atomic`; on SQLite by hand, for that costs a fifth of a batch's time."""
    connection = connections[alias]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic(using=alias):
            yield
        return
    with connection.wrap_database_errors:
        connection.ensure_connection()
        raw: sqlite3.Connection = connection.connection
        raw.execute("BEGIN IMMEDIATE")
        try:
            yield
            raw.execute("COMMIT")
        except BaseException:
            _roll_back(alias, raw)
            raise


def _roll_back(alias: str, raw: sqlite3.Connection) -> None:
    try:
        if raw.in_transaction:  # a full disk ends it by itself
            raw.execute("ROLLBACK")
    except sqlite3.Error:
        connections[alias].close()
