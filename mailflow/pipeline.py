"""The pipeline after acceptance: leases, plans, runs what is to be done, writes down what came of it.

One drain at a time in a process. Everything that blocks (database, walking rules) runs on the calling
thread, in batches; actions run beside each other on the event loop. Results that come in while a batch
is written share the next one, as in the spool.

A worker may die at any moment: what it had not written down is done again by another, when the lease
has run out. So every action is done at least once, and what was written down never again.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections

from core.identifiers import random_text
from core.message import with_headers_added
from mailflow import intake, lease, planning, recording
from mailflow.actions.contract import Finish, Job, Result, Runner
from mailflow.advance import Attempted
from mailflow.logic import progress
from mailflow.logic.progress import WALK, DeliveryState
from mailflow.planning import Walked
from mailflow.smtp_client import close_connections
from mailflow.work import Work, is_over

log = structlog.get_logger()

# In one process's hands. A message of 10 KB takes some 30 KB there.
MAX_MESSAGES = 400
MAX_BYTES = 64 * 1024 * 1024
BATCH_MESSAGES = 100
# Attempts beside each other: sockets and files, not processor time.
MAX_ATTEMPTS = 100
_LOOK_AGAIN_SECONDS = 0.2  # for new mail, while slow deliveries are still under way
_PAUSE_AFTER_FAULT_SECONDS = 1.0
_WRITE_ATTEMPTS = 3


def drain(
    runners: Mapping[str, Runner], *, seconds: float, is_stopping: Callable[[], bool] = lambda: False
) -> int:
    """Work until nothing is due, `seconds` have passed or `is_stopping()`; then finish what was begun.

    The number of messages taken. A database that fails ends it early; leases run out then.
    """
    return async_to_sync(_Drain(runners, seconds, is_stopping).run)()


@dataclass
class _Drain:
    runners: Mapping[str, Runner]
    seconds: float
    is_stopping: Callable[[], bool]
    owner: str = field(default_factory=lambda: f"{socket.gethostname()[:40]}:{os.getpid()}:{random_text(8)}")
    works: dict[str, Work] = field(default_factory=dict)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    count: int = 0

    async def run(self) -> int:
        self.ends_at = time.monotonic() + self.seconds
        self.attempts = asyncio.Semaphore(MAX_ATTEMPTS)
        self.desk = _Desk(self.owner)
        self.news = asyncio.Event()
        renewing = asyncio.create_task(self._renew())
        try:
            while True:
                taken = await self._take()
                if not taken and not self.tasks:
                    return self.count
                if not taken:
                    await self._wait()
        finally:
            renewing.cancel()
            await close_connections()

    async def _take(self) -> int:
        room = min(BATCH_MESSAGES, MAX_MESSAGES - len(self.works))
        size_bytes = sum(len(work.content) for work in self.works.values())
        if room <= 0 or size_bytes >= MAX_BYTES or self.is_stopping() or time.monotonic() > self.ends_at:
            return 0
        try:
            taken = await sync_to_async(intake.take)(self.owner, limit=room, max_bytes=MAX_BYTES - size_bytes)
        except (DatabaseError, InterfaceError):
            log.exception("spool_not_read")
            self.ends_at = 0.0
            return 0
        self.count += taken.claimed
        for work in taken.works:
            self.works[work.message_id] = work
            task = asyncio.create_task(self._work(work))
            self.tasks.add(task)
            task.add_done_callback(self._finished)
        return taken.claimed

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        self.news.set()

    async def _wait(self) -> None:
        """Until something ended, or it is time to look for new mail."""
        self.news.clear()
        try:
            async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                await self.news.wait()
        except TimeoutError:
            return

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(settings.LEASE_SECONDS / 4)
            if self.works:
                await sync_to_async(lease.renew)(self.owner, list(self.works), datetime.now(UTC))

    # --- one message ----------------------------------------------------------------------------

    async def _work(self, work: Work) -> None:
        """Everything of it that is due, beside each other; then it goes back, or is gone."""
        try:
            running: dict[asyncio.Task[None], int] = {}
            while True:
                for state in progress.ready(work.states, datetime.now(UTC)):
                    if state.delivery.position not in running.values():
                        running[asyncio.create_task(self._attempt(work, state))] = state.delivery.position
                if not running:
                    break
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del running[task]
                    task.result()
            if not is_over(work.states):
                due_at = progress.next_attempt_at(work.states) or lease.NEVER
                await self.desk.release(work.message_id, due_at)
        except Exception:  # one message's edge: its lease runs out, and it is tried again
            log.exception("message_failed", message_id=work.message_id)
        finally:
            del self.works[work.message_id]

    async def _attempt(self, work: Work, state: DeliveryState) -> None:
        async with self.attempts:
            walked = None
            if state.delivery.kind == WALK:
                walked = await sync_to_async(_walk_again)(work, state)
                results = walked.results
            else:
                results = await self._run(work, state)
        await self.desk.record(Attempted(work, state.delivery.position, results, walked))

    async def _run(self, work: Work, state: DeliveryState) -> list[Result]:
        delivery, recipients = state.delivery, state.remaining
        runner = self.runners.get(delivery.kind)
        if runner is None:
            words = f"this version has no action {delivery.kind}"
            return [Result(recipient, Finish.TEMPORARY, words) for recipient in recipients]
        try:
            content = with_headers_added(work.content, delivery.added_headers)
            results = await runner(
                Job(work.envelope, delivery, recipients, content, attempt=state.attempts + 1)
            )
        except Exception:  # the seam's edge: an unknown fault is temporary
            log.exception("action_failed", message_id=work.message_id, kind=delivery.kind)
            words = "a fault of ours; the log has it"
            return [Result(recipient, Finish.TEMPORARY, words) for recipient in recipients]
        answered = {result.recipient for result in results}
        return results + [
            Result(recipient, Finish.TEMPORARY, "the action gave no result")
            for recipient in recipients
            if recipient not in answered
        ]


def _walk_again(work: Work, state: DeliveryState) -> Walked:
    envelope = replace(work.envelope, forward_paths=state.remaining)
    return planning.walk(
        envelope,
        work.message,
        planning.RuleSets([envelope]),
        now=datetime.now(UTC),
        attempt=state.attempts + 1,
        first_position=max(work.states) + 1,
    )


class _Desk:
    """Writes results and releases in batches: one at a time, and what comes meanwhile in the next."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._attempts: list[tuple[Attempted, asyncio.Future[None]]] = []
        self._releases: list[tuple[tuple[str, datetime], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, attempted: Attempted) -> None:
        future = asyncio.get_running_loop().create_future()
        self._attempts.append((attempted, future))
        await self._written(future)

    async def release(self, message_id: str, due_at: datetime) -> None:
        future = asyncio.get_running_loop().create_future()
        self._releases.append(((message_id, due_at), future))
        await self._written(future)

    async def _written(self, future: "asyncio.Future[None]") -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await future

    async def _write(self) -> None:
        try:
            while self._attempts or self._releases:
                await asyncio.sleep(0)  # others of this turn of the loop join
                attempts, self._attempts = self._attempts, []
                releases, self._releases = self._releases, []
                await self._settle(attempts, lambda batch: recording.record(self._owner, batch))
                await self._settle(releases, lambda batch: lease.release(self._owner, batch))
        finally:
            self._writing = None

    async def _settle(
        self, entries: list[tuple[Any, asyncio.Future[None]]], write: Callable[[list[Any]], None]
    ) -> None:
        """All together, and again when the database does not want; at last each by itself, so that one
        that can't be written holds up no other. What is not written is done again after its lease."""
        for attempt in range(1, _WRITE_ATTEMPTS + 1):
            error = await _try_write([value for value, _ in entries], write) if entries else None
            if error is None:
                for _, future in entries:
                    future.set_result(None)
                return
            log.error("results_not_written", results=len(entries), attempt=attempt, error=str(error))
            await asyncio.sleep(_PAUSE_AFTER_FAULT_SECONDS)
        for value, future in entries:
            error = await _try_write([value], write)
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


async def _try_write(batch: list[Any], write: Callable[[list[Any]], None]) -> Exception | None:
    try:
        await sync_to_async(write)(batch)
    except (DatabaseError, InterfaceError, ValueError, TypeError, KeyError) as error:
        await sync_to_async(close_old_connections)()
        return error
    return None
