"""The pipeline after acceptance: leases, plans, runs what is to be done, writes down what came of it.

One drain at a time in a process. Everything that blocks (database, walking rules) runs on the calling
thread, in batches; actions run beside each other on the event loop. What comes of them is written down
in batches too (mailflow.desk).

A worker may die at any moment: what it had not written down is done again by another, when the lease
has run out. So every action is done at least once, and what was written down never again.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from core.identifiers import random_text
from core.message import with_headers_added
from mailflow import intake, lease, planning
from mailflow.actions.contract import Finish, Job, NotNow, Result, Runner
from mailflow.advance import Attempted, PutOff, retry_schedule
from mailflow.desk import Desk
from mailflow.logic import progress
from mailflow.logic.progress import WALK, DeliveryState
from mailflow.planning import Walked
from mailflow.smtp_client import close_connections
from mailflow.work import Work, is_over

log = structlog.get_logger()

# In one process's hands. A message of 10 KB takes some 30 KB there.
MAX_MESSAGES = 600
MAX_BYTES = 64 * 1024 * 1024
BATCH_MESSAGES = 200
# Attempts beside each other: sockets and files, not processor time.
MAX_ATTEMPTS = 200
# A look for new mail costs as much as ten messages: while there is work to do, not more often.
_LOOK_AGAIN_SECONDS = 0.1
# What takes longer than so long is written down meanwhile: its plan, and that it is under way.
_WRITE_PLAN_AFTER_SECONDS = 1.0


def drain(
    runners: Mapping[str, Runner],
    *,
    seconds: float,
    is_stopping: Callable[[], bool] = lambda: False,
    linger_seconds: float = 0.0,
) -> int:
    """Work until nothing is due (and nothing new came for `linger_seconds`), `seconds` have passed or
    `is_stopping()`; then finish what was begun.

    The number of messages taken. A database that fails ends it early; leases run out then.
    """
    return async_to_sync(_Drain(runners, seconds, is_stopping, linger_seconds).run)()


@dataclass
class _Drain:
    runners: Mapping[str, Runner]
    seconds: float
    is_stopping: Callable[[], bool]
    linger_seconds: float
    owner: str = field(default_factory=lambda: f"{socket.gethostname()[:40]}:{os.getpid()}:{random_text(8)}")
    works: dict[str, Work] = field(default_factory=dict)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    under_way: int = 0  # attempts
    count: int = 0
    size_bytes: int = 0  # of the contents in hand
    is_full: bool = False

    async def run(self) -> int:
        self.ends_at = time.monotonic() + self.seconds
        self.attempts = asyncio.Semaphore(MAX_ATTEMPTS)
        self.desk = Desk(
            self.owner,
            settled=self._settled,
            released=self._let_go,
            lost=self._let_go,
            is_more_coming=lambda: self.under_way > 0,
        )
        self.news = asyncio.Event()
        renewing = asyncio.create_task(self._renew())
        try:
            lingers_until = 0.0  # who found nothing at all does not wait for more
            while True:
                taken = await self._take()
                if taken or self.works:
                    lingers_until = time.monotonic() + self.linger_seconds
                elif time.monotonic() >= lingers_until or self._is_ending:
                    return self.count
                if taken < BATCH_MESSAGES:
                    await self._wait()
                self._write_down_what_is_slow()
        finally:
            renewing.cancel()
            await close_connections()

    @property
    def _is_ending(self) -> bool:
        return self.is_stopping() or time.monotonic() > self.ends_at

    async def _take(self) -> int:
        room = min(BATCH_MESSAGES, MAX_MESSAGES - len(self.works))
        self.is_full = room < BATCH_MESSAGES
        if room <= 0 or self.size_bytes >= MAX_BYTES or self._is_ending:
            return 0
        try:
            taken = await sync_to_async(intake.take)(
                self.owner, limit=room, max_bytes=MAX_BYTES - self.size_bytes
            )
        except (DatabaseError, InterfaceError):
            log.exception("spool_not_read")
            self.ends_at = 0.0
            return 0
        self.count += taken.claimed
        for work in taken.works:
            self.works[work.message_id] = work
            self.size_bytes += len(work.content)
            self._go_on(work)
        return taken.claimed

    async def _wait(self) -> None:
        """Until all in hand is done, or it is time to look for new mail."""
        self.news.clear()
        if self.works or self.linger_seconds:
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

    def _write_down_what_is_slow(self) -> None:
        before = time.monotonic() - _WRITE_PLAN_AFTER_SECONDS
        for work in self.works.values():
            if work.taken_at > before:
                break  # they are in the order in which they were taken
            if not work.is_planned:
                self.desk.plan(work)

    # --- one message ----------------------------------------------------------------------------

    def _go_on(self, work: Work) -> None:
        """Begin all of it that is due, beside each other; without any it goes back, or is gone."""
        if work.is_lost or is_over(work.states):
            self._let_go(work)
            return
        for state in progress.ready(work.states, datetime.now(UTC)):
            position = state.delivery.position
            if position not in work.running:
                work.running.add(position)
                self.under_way += 1
                task = asyncio.create_task(self._attempt(work, state))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        if not work.running:
            self.desk.release(work, progress.next_attempt_at(work.states) or lease.NEVER)

    def _settled(self, attempted: Attempted) -> None:
        work = attempted.work
        work.running.discard(attempted.position)
        if work.message_id in self.works:
            self._go_on(work)

    def _let_go(self, work: Work) -> None:
        if self.works.pop(work.message_id, None) is not None:
            self.size_bytes -= len(work.content)
        has_room_again = self.is_full and len(self.works) <= MAX_MESSAGES - BATCH_MESSAGES
        if has_room_again or not self.works:
            self.news.set()

    async def _attempt(self, work: Work, state: DeliveryState) -> None:
        position = state.delivery.position
        try:
            async with self.attempts:
                if state.delivery.kind == WALK:
                    walked = await sync_to_async(_walk_again)(work, state)
                    made = Attempted(work, position, walked.results, walked)
                else:
                    made = Attempted(work, position, await self._run(work, state))
        except NotNow as reason:
            made = Attempted(work, position, (), put_off=PutOff(str(reason), _next_try(work)))
        except Exception:  # one message's edge: its lease runs out, and it is tried again
            log.exception("message_failed", message_id=work.message_id)
            self.under_way -= 1
            self._let_go(work)
            return
        self.under_way -= 1
        self.desk.record(made)

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
        except NotNow:
            raise
        except Exception:  # the seam's edge: an unknown fault is temporary
            log.exception("action_failed", message_id=work.message_id, kind=delivery.kind)
            words = "a fault of ours; the log has it"
            return [Result(recipient, Finish.TEMPORARY, words) for recipient in recipients]
        if len(results) == len(recipients) == 1 and results[0].recipient == recipients[0]:
            return results
        answered = {result.recipient for result in results}
        return results + [
            Result(recipient, Finish.TEMPORARY, "the action gave no result")
            for recipient in recipients
            if recipient not in answered
        ]


def _next_try(work: Work) -> datetime:
    now = datetime.now(UTC)
    return now + retry_schedule().put_off(now - work.envelope.received_at)


def _walk_again(work: Work, state: DeliveryState) -> Walked:
    envelope = work.envelope._replace(forward_paths=state.remaining)
    return planning.walk(
        envelope,
        work.message,
        planning.RuleSets([envelope]),
        now=datetime.now(UTC),
        attempt=state.attempts + 1,
        first_position=max(work.states) + 1,
    )
