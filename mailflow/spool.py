"""Acceptance: `store` returns when the message is on disk, as the 250 that follows it promises.

Group commit: what waits while a transaction is under way, and what the next turns of the event loop
bring one after the other, shares the next transaction and its sync. A message that comes alone waits
for one turn that brings nothing.
"""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connections

from core import reply
from core.envelope import Envelope
from core.errors import MailError
from mailflow.large_content import LargeContent
from mailflow.notices import Notifier
from mailflow.spool_transaction import Entry, Settled
from mailflow.spool_writer import Commit, Outcomes, SpoolWriter

log = structlog.get_logger()

# One transaction: so many messages or bytes, or a single larger message. 500 of 10 KB take some 50 ms.
MAX_BATCH_MESSAGES = 500
MAX_BATCH_BYTES = 32 * 1024 * 1024
# Waiting for a transaction. The ingress bounds the bytes in memory; this bounds what a stuck disk gathers.
MAX_WAITING_MESSAGES = 10_000
_SPACE_CHECK_SECONDS = 1.0
# So long at most a batch is gathered while each turn of the loop brings more: 0.05 syncs for each message at
# 50 sessions, where handing over at once took 0.08 to 0.13.
_GATHER_SECONDS = 0.002
# Another process writes into SQLite: so often the loop looks whether it has done, then the thread waits.
_LOCK_LOOKS = 20
_LOCK_LOOK_SECONDS = 0.001


class Spool:
    """One for each process that accepts mail. `start` and `close` on the loop that calls `store`."""

    def __init__(self) -> None:
        self._alias: str = settings.SPOOL_ALIAS
        self._waiting: deque[Entry] = deque()
        self._large_waiting: deque[Entry] = deque()
        self._was_large = False
        self._is_writing = False
        self._is_open = False
        self._idle = asyncio.Event()
        self._notifier = Notifier()
        self._writer = SpoolWriter(self._alias, self._settled_elsewhere)
        self._disk = _spool_folder(self._alias)
        self._space_checked_at = float("-inf")
        self._has_space = True

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle.set()
        self._writer.start()
        self._notifier.start()
        self._is_open = True

    async def store(self, envelope: Envelope, content: bytes | LargeContent) -> None:
        """Returns after the commit. MailError (SPOOL_FAILED, STORAGE_FULL) where it is not stored.

        A caller that is cancelled meanwhile may have its message stored all the same.
        """
        stored = self._loop.create_future()

        def settled(error: MailError | None) -> None:
            if stored.done():  # the caller was cancelled
                return
            if error is None:
                stored.set_result(None)
            else:
                stored.set_exception(error)

        self.submit(envelope, content, settled)
        await stored

    def submit(self, envelope: Envelope, content: bytes | LargeContent, settled: Settled) -> None:
        """As `store`, for who has no task to wait in: `settled(None)` is called on the loop after the commit,
        or `settled(error)` where there was none. A MailError that is known at once is raised instead."""
        if not self._is_open:
            raise MailError("the spool is closed", reply=reply.SPOOL_FAILED)
        if len(self._waiting) + len(self._large_waiting) >= MAX_WAITING_MESSAGES:
            raise MailError("too many messages wait for the spool", reply=reply.STORAGE_FULL)
        if not self._has_free_space():
            raise MailError("the spool's disk is nearly full", reply=reply.STORAGE_FULL)
        waiting = self._waiting if isinstance(content, bytes) else self._large_waiting
        waiting.append(Entry(envelope, content, settled))
        if not self._is_writing:
            self._is_writing = True
            self._idle.clear()
            self._gather()

    def take_commits(self) -> list[Commit]:
        """The batches written since the last call."""
        commits = self._writer.commits
        return [commits.popleft() for _ in range(len(commits))]

    async def close(self) -> None:
        """Takes no more, and returns when all that waits is written and the workers are told."""
        if not self._is_open:
            return
        self._is_open = False
        await self._idle.wait()
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._notifier.stop)

    def _gather(self) -> None:
        """The next batch, when a turn of the loop has brought no other message, or after a while."""
        self._loop.call_soon(self._look_again, 0, self._loop.time() + _GATHER_SECONDS)

    def _look_again(self, seen: int, until: float) -> None:
        waiting = len(self._waiting)
        if seen < waiting < MAX_BATCH_MESSAGES and self._loop.time() < until:
            self._loop.call_soon(self._look_again, waiting, until)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """The next batch, or rest. Large messages take turns with the others, which would wait for all of
        them together otherwise."""
        self._was_large = bool(self._large_waiting) and not (self._was_large and self._waiting)
        if self._was_large:
            self._write(self._large_waiting)
        elif self._waiting:
            self._begin(_LOCK_LOOKS)
        else:
            self._is_writing = False
            self._idle.set()

    def _begin(self, looks: int) -> None:
        """While another process writes, more is gathered."""
        if self._writer.begin() or not looks:
            self._write(self._waiting)
        else:
            self._loop.call_later(_LOCK_LOOK_SECONDS, self._begin, looks - 1)

    def _write(self, waiting: deque[Entry]) -> None:
        """The next batch of these."""
        batch = [waiting.popleft()]
        size_bytes = len(batch[0].content)
        while waiting and len(batch) < MAX_BATCH_MESSAGES:
            size_bytes += len(waiting[0].content)
            if size_bytes > MAX_BATCH_BYTES:
                break
            batch.append(waiting.popleft())
        self._writer.put(batch)

    def _settled_elsewhere(self, batch: Sequence[Entry], outcomes: Outcomes) -> None:
        """On the writer's thread."""
        self._loop.call_soon_threadsafe(self._settled, batch, outcomes)

    def _settled(self, batch: Sequence[Entry], outcomes: Outcomes) -> None:
        self._gather()
        if None in outcomes:
            self._notifier.notify()
        for entry, error in zip(batch, outcomes, strict=True):
            try:
                entry.settled(error)
            except Exception:  # the others of the batch wait for their answers too
                log.exception("answer_failed", message_id=entry.envelope.message_id)

    def _has_free_space(self) -> bool:
        """As of a second ago at most. A database elsewhere says so by itself, when it is full."""
        now = time.monotonic()
        if self._disk is not None and now - self._space_checked_at >= _SPACE_CHECK_SECONDS:
            self._space_checked_at = now
            had_space = self._has_space
            self._has_space = shutil.disk_usage(self._disk).free >= settings.SPOOL_LEAST_FREE_BYTES
            if had_space and not self._has_space:
                log.error("spool_disk_nearly_full", least_free_bytes=settings.SPOOL_LEAST_FREE_BYTES)
        return self._has_space


def _spool_folder(alias: str) -> Path | None:
    """The folder of the spool's SQLite file, None where the spool is not a file."""
    connection = connections[alias]
    if connection.vendor != "sqlite":
        return None
    return Path(connection.settings_dict["NAME"]).parent
