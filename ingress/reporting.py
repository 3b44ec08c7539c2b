"""Once a second: what the event loop counted goes into the metrics, and to the console's live page."""

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import structlog
from prometheus_client import Counter

from ingress import reports
from ingress.engine import Engine
from ingress.logic.limits import Limited, LimitKind
from ingress.reports import ACCEPTED, RedisClient, Report
from mailflow.spool_writer import Commit
from metrics import registry

log = structlog.get_logger()

REPORT_SECONDS = 1.0
_RATE_SECONDS = 5.0
_LATENCY_SECONDS = 10.0
_MAX_LATENCIES = 20_000
MAX_LIMITED = 100  # told by one process; a flood has more addresses than a person reads


class CommitsLike(Protocol):
    """mailflow.spool.Spool."""

    def take_commits(self) -> list[Commit]: ...


@dataclass(frozen=True, slots=True)
class _Reading:
    """Copied on the loop. `totals`: since the process began, by counter and its labels."""

    at: float
    totals: Mapping[tuple[Counter, tuple[str, ...]], int]
    open_sessions: Mapping[str, int]
    limited: Sequence[Limited]
    commits: Sequence[Commit]
    budget_used_bytes: int
    budget_limit_bytes: int


class Reporter:
    """`start` and `close` on the engine's loop, which only copies numbers; files and Redis are for a
    thread. What was counted before `close` is reported by it."""

    def __init__(self, engine: Engine, spool: CommitsLike) -> None:
        self._engine = engine
        self._spool = spool
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reporting")
        self._running: asyncio.Task[None] | None = None
        self._desk = _Desk()

    def start(self) -> None:
        self._running = self._engine.loop.create_task(self._run())

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        await self.report()
        await self._engine.loop.run_in_executor(self._thread, self._desk.close)
        self._thread.shutdown(wait=False)

    async def report(self) -> None:
        """Now. Returns when it is done."""
        await self._engine.loop.run_in_executor(self._thread, self._desk.take, self._read())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            try:
                await self.report()
            except Exception:  # the task's edge: mail flows without its numbers
                log.exception("metrics_not_reported")

    def _read(self) -> _Reading:
        engine, tally = self._engine, self._engine.tally
        totals: dict[tuple[Counter, tuple[str, ...]], int] = {}
        for endpoint_type, of_type in tally.by_type.items():
            label = (endpoint_type.value,)
            totals[registry.SESSIONS, label] = of_type.sessions
            totals[registry.MESSAGES_ACCEPTED, label] = of_type.messages
            totals[registry.MESSAGE_BYTES, label] = of_type.message_bytes
        for (code, enhanced_code), count in tally.refusals.items():
            totals[registry.REFUSALS, (str(code), enhanced_code)] = count
        for kind, count in engine.gate.refusals().items():
            totals[registry.LIMIT_REFUSALS, (kind.value,)] = count
        for result, count in tally.handshakes.items():
            totals[registry.HANDSHAKES, (str(result),)] = count
        for result, count in tally.authentications.items():
            totals[registry.AUTHENTICATIONS, (str(result),)] = count
        return _Reading(
            at=engine.loop.time(),
            totals=totals,
            open_sessions={kind.value: one.open_sessions for kind, one in tally.by_type.items()},
            limited=engine.gate.limited(time.time()),
            commits=self._spool.take_commits(),
            budget_used_bytes=engine.budget.used_bytes,
            budget_limit_bytes=engine.budget.limit_bytes,
        )


class _Desk:
    """The thread's side: remembers what it has told already."""

    def __init__(self) -> None:
        self._node = socket.gethostname()
        self._told: dict[tuple[Counter, tuple[str, ...]], int] = {}
        self._accepted: deque[tuple[float, int]] = deque()
        self._latencies: deque[tuple[float, float]] = deque(maxlen=_MAX_LATENCIES)
        self._client: RedisClient | None = None

    def take(self, reading: _Reading) -> None:
        grown = self._grown(reading)
        _into_metrics(reading, grown)
        report = self._report(reading)
        counted: dict[str, int] = {}
        for (counter, labels), count in grown.items():
            if counter is registry.MESSAGES_ACCEPTED:
                counted[ACCEPTED] = counted.get(ACCEPTED, 0) + count
            elif counter is registry.REFUSALS:
                counted[" ".join(filter(None, labels))] = count
        try:
            self._client = self._client or reports.connect()
            reports.publish(self._client, report, counted)
        except reports.Failures as error:
            log.debug("live_numbers_not_reported", error=str(error))

    def close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(*reports.Failures):
                reports.withdraw(self._client, self._node, os.getpid())
            self._client.close()

    def _grown(self, reading: _Reading) -> dict[tuple[Counter, tuple[str, ...]], int]:
        grown = {
            key: total - told
            for key, total in reading.totals.items()
            if total != (told := self._told.get(key, 0))
        }
        self._told.update(reading.totals)
        return grown

    def _report(self, reading: _Reading) -> Report:
        accepted = sum(
            total for (counter, _), total in reading.totals.items() if counter is registry.MESSAGES_ACCEPTED
        )
        self._accepted.append((reading.at, accepted))
        while self._accepted[0][0] < reading.at - _RATE_SECONDS:
            self._accepted.popleft()
        since, before = self._accepted[0]
        self._latencies.extend((reading.at, commit.seconds) for commit in reading.commits)
        while self._latencies and self._latencies[0][0] < reading.at - _LATENCY_SECONDS:
            self._latencies.popleft()
        milliseconds = sorted(1000 * seconds for _, seconds in self._latencies)
        return Report(
            node=self._node,
            process_id=os.getpid(),
            sessions=sum(reading.open_sessions.values()),
            messages_per_second=(accepted - before) / (reading.at - since) if reading.at > since else 0.0,
            commit_p50_ms=_percentile(milliseconds, 0.50),
            commit_p99_ms=_percentile(milliseconds, 0.99),
            budget_used_bytes=reading.budget_used_bytes,
            budget_limit_bytes=reading.budget_limit_bytes,
            limited=tuple(sorted(reading.limited, key=lambda one: -one.refused)[:MAX_LIMITED]),
        )


def _into_metrics(reading: _Reading, grown: Mapping[tuple[Counter, tuple[str, ...]], int]) -> None:
    for (counter, labels), count in grown.items():
        counter.labels(*labels).inc(count)
    for endpoint_type, count in reading.open_sessions.items():
        registry.SESSIONS_OPEN.labels(endpoint_type).set(count)
    for kind in LimitKind:
        registry.LIMITED.labels(kind.value).set(sum(one.kind is kind for one in reading.limited))
    registry.BUDGET_USED_BYTES.set(reading.budget_used_bytes)
    registry.BUDGET_LIMIT_BYTES.set(reading.budget_limit_bytes)
    stored = sum(commit.is_stored for commit in reading.commits)
    registry.COMMITS.labels("stored").inc(stored)
    registry.COMMITS.labels("failed").inc(len(reading.commits) - stored)
    for commit in reading.commits:
        registry.COMMIT_SECONDS.observe(commit.seconds)
        registry.BATCH_MESSAGES.observe(commit.messages)


def _percentile(ordered: Sequence[float], part: float) -> float | None:
    """The least value that `part` of all do not exceed."""
    return ordered[ceil(part * len(ordered)) - 1] if ordered else None
