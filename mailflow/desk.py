"""Writes down what a drain comes to, in batches: one at a time, and what comes meanwhile in the next."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections

from mailflow import lease, recording
from mailflow.advance import Attempted
from mailflow.work import Work

log = structlog.get_logger()

_PAUSE_AFTER_FAULT_SECONDS = 1.0
_WRITE_ATTEMPTS = 3
# While others are under way, results wait for company so long, or until there are so many: what a batch
# costs by itself is ten messages' worth.
_GATHER_SECONDS = 0.03
_ENOUGH = 100


class Desk:
    """`settled(work)` is called on the loop after something of it was written, `lost(work)` where it could
    not be: nothing more is done with that, its lease runs out. `is_more_coming()`: attempts are under way."""

    def __init__(
        self,
        owner: str,
        *,
        settled: Callable[[Attempted], None],
        released: Callable[[Work], None],
        lost: Callable[[Work], None],
        is_more_coming: Callable[[], bool],
    ) -> None:
        self._owner = owner
        self._settled, self._released, self._lost = settled, released, lost
        self._is_more_coming = is_more_coming
        self._attempts: list[Attempted] = []
        self._plans: dict[str, Work] = {}  # by message ID: who asks again asks for the same
        self._releases: list[tuple[Work, datetime]] = []
        self._writing: asyncio.Task[None] | None = None
        self._enough = asyncio.Event()

    def record(self, attempted: Attempted) -> None:
        self._attempts.append(attempted)
        self._wake()

    def plan(self, work: Work) -> None:
        """Write down what is to be done with it, where that did not happen meanwhile."""
        self._plans[work.message_id] = work
        self._wake()

    def release(self, work: Work, due_at: datetime) -> None:
        self._releases.append((work, due_at))
        self._wake()

    def _wake(self) -> None:
        if len(self._attempts) >= _ENOUGH or not self._is_more_coming():
            self._enough.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._attempts or self._plans or self._releases:
                await self._gather()
                attempts, self._attempts = self._attempts, []
                plans, self._plans = self._plans, {}
                releases, self._releases = self._releases, []
                await self._write_attempts(attempts)
                await self._write_plans(
                    [work for work in plans.values() if work.states and not work.is_planned]
                )
                await self._write_releases(releases)
        finally:
            self._writing = None

    async def _gather(self) -> None:
        await asyncio.sleep(0)  # others of this turn of the loop join
        self._enough.clear()
        if len(self._attempts) >= _ENOUGH or not self._is_more_coming():
            return
        try:
            async with asyncio.timeout(_GATHER_SECONDS):
                await self._enough.wait()
        except TimeoutError:
            return

    async def _write_attempts(self, attempts: list[Attempted]) -> None:
        failed = await self._try(attempts, lambda batch: recording.record(self._owner, batch))
        lost = set(map(id, failed))
        for attempted in attempts:
            if id(attempted) in lost:
                self._lost(attempted.work)
            else:
                self._settled(attempted)

    async def _write_plans(self, works: list[Work]) -> None:
        for work in await self._try(works, lambda batch: recording.write_plans(self._owner, batch)):
            log.warning("plan_not_written", message_id=work.message_id)  # with its results, then

    async def _write_releases(self, releases: list[tuple[Work, datetime]]) -> None:
        def write(batch: list[tuple[Work, datetime]]) -> None:
            lease.release(self._owner, [(work.message_id, due_at) for work, due_at in batch])

        await self._try(releases, write)
        for work, _due_at in releases:
            self._released(work)  # written or not, another may have it when its lease ends

    async def _try(self, entries: list[Any], write: Callable[[list[Any]], None]) -> list[Any]:
        """All together, and again when the database does not want; at last each by itself, so that one
        that can't be written holds up no other. Those that were not written: they are done again when
        their lease has run out."""
        if not entries:
            return []
        for attempt in range(1, _WRITE_ATTEMPTS + 1):
            error = await _try_write(entries, write)
            if error is None:
                return []
            log.error("results_not_written", results=len(entries), attempt=attempt, error=str(error))
            await asyncio.sleep(_PAUSE_AFTER_FAULT_SECONDS)
        return [entry for entry in entries if await _try_write([entry], write) is not None]


async def _try_write(batch: list[Any], write: Callable[[list[Any]], None]) -> Exception | None:
    try:
        await sync_to_async(write)(batch)
    except (DatabaseError, InterfaceError, ValueError, TypeError, KeyError) as error:
        await sync_to_async(close_old_connections)()
        return error
    return None
