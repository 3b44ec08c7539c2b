"""The spool's writing side: one thread, one database connection, one transaction for each batch."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connections

from core import reply
from core.errors import MailError
from core.sqlite import is_busy, is_full
from mailflow.spool_transaction import EarlyTransaction, Entry, write

log = structlog.get_logger()


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
    """Takes one batch at a time and calls `settled(batch, outcomes)` after it, on its own thread."""

    def __init__(self, alias: str, settled: Callable[[Sequence[Entry], Outcomes], None]) -> None:
        self._alias = alias
        self._settled = settled
        self.commits: deque[Commit] = deque(maxlen=_MAX_COMMITS)
        self._early = EarlyTransaction(alias)
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def begin(self) -> bool:
        """On the loop, when the batch before is settled. False while another process writes: a batch put all
        the same waits for that, on the thread."""
        return self._early.begin()

    def put(self, entries: Sequence[Entry]) -> None:
        """On the loop, after `begin`. Never waits."""
        began_at = time.perf_counter()
        self._batches.put(_Batch(entries, began_at, is_filled=self._early.fill(entries)))

    def stop(self) -> None:
        """Returns when everything put before is settled."""
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._early.attach()
            while (batch := self._batches.get()) is not None:
                try:
                    outcomes = self._commit(batch)
                except Exception:  # the thread's edge: without it nobody would ever be answered again
                    log.exception("spool_writer_failed", messages=len(batch.entries))
                    outcomes = [MailError("spool writer failed", reply=reply.SPOOL_FAILED)] * len(
                        batch.entries
                    )
                seconds = time.perf_counter() - batch.began_at
                self.commits.append(Commit(seconds, len(batch.entries), not any(outcomes)))
                self._settled(batch.entries, outcomes)
        finally:
            connections[self._alias].close()

    def _commit(self, batch: "_Batch") -> Outcomes:
        if batch.is_filled:
            try:
                self._early.commit()
                return [None] * len(batch.entries)
            except sqlite3.Error as error:
                log.warning("spool_commit_failed", messages=len(batch.entries), error=str(error))
        self._early.attach()
        outcomes = commit(self._alias, batch.entries)
        self._early.attach()  # the connection may be a new one
        return outcomes


@dataclass(frozen=True, slots=True)
class _Batch:
    entries: Sequence[Entry]
    began_at: float  # time.perf_counter()
    is_filled: bool  # it waits in the early transaction, for its commit


# What a database answers, and what Python says of values that it can't take.
_FAULTS = (DatabaseError, InterfaceError, ValueError, TypeError)


def commit(alias: str, entries: Sequence[Entry]) -> Outcomes:
    """Store all in one transaction; where that fails, each in one of its own, so that a bad message
    takes no other with it. A connection that broke is made anew, once."""
    outcomes: Outcomes = []
    try:
        write(alias, entries)
        return [None] * len(entries)
    except _FAULTS as error:
        log.warning("spool_commit_failed", messages=len(entries), error=str(error))
        is_usable = not is_busy(error)
    for entry in entries:
        if not (is_usable and _is_reachable(alias)):
            outcomes.append(MailError("the spool's database is away", reply=reply.SPOOL_FAILED))
            continue
        try:
            write(alias, [entry])
            outcomes.append(None)
        except _FAULTS as error:
            log.error("message_not_spooled", message_id=entry.envelope.message_id, error=str(error))
            answer = reply.STORAGE_FULL if _is_full(error) else reply.SPOOL_FAILED
            outcomes.append(MailError(str(error), reply=answer))
            is_usable = not is_busy(error)
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
    return is_full(error) or isinstance(error.__cause__, psycopg.errors.DiskFull)
