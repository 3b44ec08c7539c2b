"""The connections to each server that mail is handed on to, and the queue before them.

    Pool ── Line, one for each target: a queue of jobs ── Lane: one connection, which takes job after job

A line opens its first lane for the first job, and more when that one works and jobs still wait. Where a
lane can't be opened and no other is open, all that wait are told so; where others are, they go on.
A line that gets nowhere holds up nobody else: those that wait before it are sent back untried.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from django.conf import settings

from mailflow.actions.contract import Finish, NotNow, Result
from mailflow.smtp_transaction import MAX_WORDS, Attempt, Stale, Transaction
from relays.conversation import Conversation, PeerFault, Target, Timeouts
from relays.opening import open_conversation

MAX_TRANSACTIONS = 1000  # of one connection
REUSE_SECONDS = 300.0  # after which a connection is opened anew: addresses and certificates change
IDLE_SECONDS = 10.0
ATTEMPT_SECONDS = 780.0  # all of one delivery, within CELERY_TASK_TIME_LIMIT
# A line on which nothing was finished or opened for so long, while jobs wait, is stuck.
STUCK_SECONDS = 5.0
_CROWDED_SECONDS = 10.0  # a server that takes no further connection is not asked for one meanwhile


@dataclass(slots=True)
class _Job:
    """One delivery; `results` are what it waits for."""

    transaction: Transaction
    timeouts: Timeouts
    results: "asyncio.Future[list[Result]]"
    deadline: float = 0.0  # loop time, from when a lane took it

    def settle(self, results: list[Result]) -> None:
        if not self.results.done():  # else who asked has gone
            self.results.set_result(results)

    def send_back(self, error: Exception) -> None:
        if not self.results.done():
            self.results.set_exception(error)


class Pool:
    """Of one event loop."""

    def __init__(self) -> None:
        self._lines: dict[Target, Line] = {}
        self._watching: asyncio.Task[None] | None = None

    async def deliver(self, target: Target, transaction: Transaction, timeouts: Timeouts) -> list[Result]:
        line = self._lines.get(target)
        if line is None:
            # Else whoever chooses the targets (senders that are bounced to) chooses what we hold.
            self._lines = {key: line for key, line in self._lines.items() if line.is_used}
            line = self._lines[target] = Line(target)
        job = _Job(transaction, timeouts, asyncio.get_running_loop().create_future())
        line.submit(job)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return await job.results

    async def close(self) -> None:
        """QUIT on what is idle; lanes at work do so when they have done what waits."""
        if self._watching is not None:
            self._watching.cancel()
        lanes = [lane for line in self._lines.values() for lane in line.lanes]
        for lane in lanes:
            lane.stop()
        if lanes:
            await asyncio.wait([lane.task for lane in lanes])

    async def _watch(self) -> None:
        """Ends when nothing waits."""
        try:
            while any(line.queue for line in self._lines.values()):
                await asyncio.sleep(STUCK_SECONDS / 5)
                for line in self._lines.values():
                    line.send_back_if_stuck()
        finally:
            self._watching = None


class Line:
    """What goes to one target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.queue: deque[_Job] = deque()
        self.lanes: set[Lane] = set()
        self._loop = asyncio.get_running_loop()
        self._progress_at = self._loop.time()
        self._crowded_until = 0.0

    @property
    def is_used(self) -> bool:
        return bool(self.queue or self.lanes)

    def submit(self, job: _Job) -> None:
        """NotNow where the line is stuck."""
        if not self.lanes:
            self.progress()  # it rested
        elif self._is_stuck:
            raise NotNow(f"{self.target.host} does not get on with what it was given before")
        self.queue.append(job)
        for lane in self.lanes:
            if lane.wake():
                return
        self._open_lanes(len(self.queue))

    def take(self) -> _Job | None:
        """The next one, for a lane."""
        while self.queue:
            job = self.queue.popleft()
            if not job.results.done():
                return job
        return None

    def take_back(self, job: _Job) -> None:
        """It was not begun: another lane has it first."""
        self.queue.appendleft(job)

    def progress(self) -> None:
        self._progress_at = self._loop.time()

    def opened(self) -> None:
        """A lane is open: now there may be more."""
        self.progress()
        self._open_lanes(len(self.queue) - 1)  # it takes one itself

    def not_opened(self, fault: PeerFault, tried: "Lane") -> None:
        self.lanes.discard(tried)
        if any(lane.conversation for lane in self.lanes):
            self._crowded_until = self._loop.time() + _CROWDED_SECONDS
            return
        words = str(fault)[:MAX_WORDS]
        while job := self.take():  # it was away while they waited: no use in everybody finding out
            recipients = job.transaction.recipients
            job.settle(
                [Result(one, Finish.TEMPORARY, words, "4.4.1", self.target.host) for one in recipients]
            )

    def ended(self, lane: "Lane") -> None:
        self.lanes.discard(lane)
        self._open_lanes(len(self.queue))

    def send_back_if_stuck(self) -> None:
        if self.queue and self._is_stuck:
            while job := self.take():
                job.send_back(NotNow(f"{self.target.host} does not get on with what it was given before"))

    @property
    def _is_stuck(self) -> bool:
        return self._loop.time() - self._progress_at > STUCK_SECONDS and not any(
            lane.is_idle for lane in self.lanes
        )

    def _open_lanes(self, waiting: int) -> None:
        """For as many jobs; but one alone until it is known that the server is there."""
        is_open = any(lane.conversation for lane in self.lanes)
        limit = settings.RELAY_CONNECTIONS if is_open else 1
        if self.lanes and self._loop.time() < self._crowded_until:
            return
        opening = sum(lane.conversation is None for lane in self.lanes)
        while len(self.lanes) < limit and opening < waiting:
            self.lanes.add(Lane(self, self.queue[0].timeouts))
            opening += 1


class Lane:
    """One connection, as long as there is work for it. `conversation` None: not open yet."""

    def __init__(self, line: Line, timeouts: Timeouts) -> None:
        self._line = line
        self._timeouts = timeouts
        self._wake: asyncio.Future[None] | None = None
        self._is_stopping = False
        self._begun: tuple[_Job, Attempt] | None = None  # whose commands went out behind the last content
        self.conversation: Conversation | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def is_idle(self) -> bool:
        return self._wake is not None

    def wake(self) -> bool:
        """Whether it was idle, and will look into the queue now."""
        if self._wake is None:
            return False
        waiting, self._wake = self._wake, None
        if not waiting.done():
            waiting.set_result(None)
        return True

    def stop(self) -> None:
        self._is_stopping = True
        self.wake()

    async def _run(self) -> None:
        line = self._line
        try:
            deadline = asyncio.get_running_loop().time() + ATTEMPT_SECONDS
            try:
                self.conversation = await open_conversation(line.target, self._timeouts, deadline=deadline)
            except PeerFault as fault:
                line.not_opened(fault, self)
                return
            line.opened()
            while await self._has_work() and (self._begun or _is_reusable(self.conversation)):
                if not await self._work(self.conversation):
                    return
            await self.conversation.quit()
        finally:
            if self._begun:
                line.take_back(self._begun[0])
            if self.conversation:
                await self.conversation.close()
            line.ended(self)

    async def _has_work(self) -> bool:
        """True as soon as something waits; False when nothing did for long, or the work is over."""
        if self._begun or self._line.queue:
            return True
        if self._is_stopping:
            return False
        self._wake = waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await waiting
        except TimeoutError:
            return bool(self._line.queue)
        finally:
            self._wake = None
        return bool(self._line.queue) or not self._is_stopping

    async def _work(self, conversation: Conversation) -> bool:
        """One job; False where the conversation ended with it."""
        line = self._line
        begun, self._begun = self._begun or self._next(conversation), None
        if begun is None:
            return True
        job, attempt = begun
        conversation.timeouts, conversation.deadline = job.timeouts, job.deadline
        try:
            await attempt.run(self._follow)
        except Stale:
            line.take_back(job)
            return False
        except PeerFault as fault:
            attempt.settle_rest(Finish.TEMPORARY, str(fault))
            return False
        except Exception as error:  # noqa: BLE001 - a fault of ours ends this job alone; who asked logs it
            job.send_back(error)
            return False
        finally:
            if all(attempt.results):
                job.settle([result for result in attempt.results if result])
        line.progress()
        return True

    def _next(self, conversation: Conversation) -> tuple[_Job, Attempt] | None:
        """What is to be said to the peer; those that need no word are settled."""
        while job := self._line.take():
            job.deadline = asyncio.get_running_loop().time() + ATTEMPT_SECONDS
            try:
                attempt = Attempt(conversation, job.transaction)
            except Exception as error:  # noqa: BLE001 - an address that no encoding has, or a fault of ours
                job.send_back(error)
                continue
            if not attempt.is_settled:
                return job, attempt
            job.settle([result for result in attempt.results if result])
        return None

    def _follow(self) -> bytes:
        """The next job begins in the group that the content of the last one opens: a round trip less."""
        conversation = self.conversation
        assert conversation
        if not conversation.offers("PIPELINING") or not _is_reusable(conversation):
            return b""
        self._begun = self._next(conversation)
        return self._begun[1].begin() if self._begun else b""


def _is_reusable(conversation: Conversation) -> bool:
    age = asyncio.get_running_loop().time() - conversation.opened_at
    return (
        conversation.is_open
        and not conversation.was_told_more  # a 421 out of turn
        and conversation.transactions < MAX_TRANSACTIONS
        and age < REUSE_SECONDS
    )
