"""One transaction of the spool: rows for messages and their contents, by hand.

An ORM object for each message would cost more than the rest of its acceptance. A batch that is written
again, after an answer that got lost, finds itself there already, and that is fine.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import DatabaseError, connections, transaction

from core.envelope import Envelope
from core.errors import MailError
from core.sqlite import is_busy
from mailflow.large_content import LargeContent, insert_large
from mailflow.models import SpoolContent, SpoolMessage
from mailflow.sql import insert_rows, insert_rows_sqlite, stored_time

log = structlog.get_logger()

Settled = Callable[[MailError | None], None]  # None: it is on disk


@dataclass(slots=True)
class Entry:
    """A message on its way into the spool, and who is to be told."""

    envelope: Envelope
    content: bytes | LargeContent
    settled: Settled


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

_Row = tuple[Any, ...]


def _rows(alias: str, entries: Sequence[Entry]) -> tuple[list[_Row], list[_Row]]:
    """Of both tables; of large contents none."""
    now = stored_time(alias, datetime.now(UTC))
    messages: list[_Row] = []
    contents: list[_Row] = []
    for entry in entries:
        message_id, content = entry.envelope.message_id, entry.content
        messages.append((message_id, entry.envelope.to_json(), len(content), 0, now, "", ""))
        if isinstance(content, bytes):
            contents.append((message_id, content))
    return messages, contents


def write(alias: str, entries: Sequence[Entry]) -> None:
    """Begin, put in, commit. Raises Django's errors, and what Python says of values that it can't take."""
    messages, contents = _rows(alias, entries)
    with _transaction(alias), connections[alias].wrap_database_errors:
        insert_rows(alias, _MESSAGE_TABLE, _MESSAGE_COLUMNS, messages)
        insert_rows(alias, _CONTENT_TABLE, _CONTENT_COLUMNS, contents)
        for entry in entries:
            if isinstance(entry.content, LargeContent):
                insert_large(alias, entry.envelope.message_id, entry.content)


@contextmanager
def _transaction(alias: str) -> Iterator[None]:
    """`transaction.atomic`; on SQLite by hand, for that costs a fifth of a batch's time. BEGIN is Django's
    all the same, for it waits for its turn (mailmanager.sqlite)."""
    connection = connections[alias]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic(using=alias):
            yield
        return
    with connection.wrap_database_errors:
        connection.ensure_connection()
        raw: sqlite3.Connection = connection.connection
        connection._start_transaction_under_autocommit()  # type: ignore[attr-defined]  # not in the stubs
        try:
            yield
            raw.execute("COMMIT")
        except BaseException:
            if not _rolled_back(raw):
                connection.close()
            raise


def _rolled_back(raw: sqlite3.Connection) -> bool:
    """False where the connection is of no more use."""
    try:
        if raw.in_transaction:  # a full disk ends it by itself
            raw.execute("ROLLBACK")
    except sqlite3.Error as error:
        log.warning("spool_not_rolled_back", error=str(error))
        return False
    return True


# So much takes the loop about a millisecond, and fits into SQLite's cache (2 MB): nothing is written before
# the commit.
_MAX_EARLY_MESSAGES = 128
_MAX_EARLY_BYTES = 1_500_000


class EarlyTransaction:
    """A transaction on SQLite that the event loop begins and fills, which needs no disk, so that only its
    commit, which waits for the disk, is the writer's thread's.

    Python's threads take turns, and each step of a statement gives the turn away: a thread that fills a
    transaction beside a busy loop waits for most of its time, and makes the loop wait as often.

    The connection is the thread's own; one of the two has it at a time.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._raw: sqlite3.Connection | None = None
        self._is_begun = False
        self._busy_timeout = ""

    def attach(self) -> None:
        """On the writer's thread, while nothing is under way: to its connection, where that is SQLite's."""
        connection = connections[self._alias]
        if connection.vendor != "sqlite":
            return
        try:
            if connection.connection is not None and connection.connection.in_transaction:
                connection.close()  # what can't be rolled back goes with its connection
            connection.ensure_connection()
        except DatabaseError as error:
            log.warning("spool_not_opened", error=str(error))
        seconds = connection.settings_dict["OPTIONS"].get("timeout", 5)
        self._busy_timeout = f"PRAGMA busy_timeout = {int(seconds * 1000)}"
        self._raw = connection.connection

    def begin(self) -> bool:
        """On the loop. False: another process writes at the moment."""
        raw = self._raw
        if raw is None or self._is_begun:
            return True
        try:
            raw.execute("PRAGMA busy_timeout = 0")
            try:
                raw.execute("BEGIN IMMEDIATE")
                self._is_begun = True
            finally:
                raw.execute(self._busy_timeout)
        except sqlite3.Error as error:
            return not is_busy(error)  # what else is wrong the thread will find
        return True

    def fill(self, entries: Sequence[Entry]) -> bool:
        """On the loop, after `begin`. False where this is for the thread to do: nothing is under way then,
        and what was wrong the thread will find, and tell."""
        if not self._is_begun:
            return False
        assert self._raw is not None
        try:
            is_filled = _is_small(entries)
            if is_filled:
                messages, contents = _rows(self._alias, entries)
                insert_rows_sqlite(self._raw, _MESSAGE_TABLE, _MESSAGE_COLUMNS, messages)
                insert_rows_sqlite(self._raw, _CONTENT_TABLE, _CONTENT_COLUMNS, contents)
        except Exception as error:  # noqa: BLE001 - whatever it is, the transaction must not stay open
            log.debug("batch_left_to_the_writer", error=str(error))
            is_filled = False
        if not is_filled:
            self._roll_back()
        return is_filled

    def commit(self) -> None:
        """On the writer's thread, of what `fill` was True for. Raises sqlite3.Error; nothing is under way
        then."""
        assert self._raw is not None, "nothing was filled"
        try:
            self._raw.execute("COMMIT")
            self._is_begun = False
        except sqlite3.Error:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        self._is_begun = False
        if self._raw is not None and not _rolled_back(self._raw):
            self._raw = None  # until the thread has made a new one


def _is_small(entries: Sequence[Entry]) -> bool:
    return (
        len(entries) <= _MAX_EARLY_MESSAGES
        and isinstance(entries[0].content, bytes)  # large messages have batches of their own
        and sum(len(entry.content) for entry in entries) <= _MAX_EARLY_BYTES
    )
