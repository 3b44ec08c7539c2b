"""How many TLS handshakes are worked on at once, so that a flood of them does not starve mail under way."""

import asyncio
from collections import deque
from collections.abc import Callable

# What takes longer waits for its peer and costs no processor time: it holds nobody up any more.
_WORK_SECONDS = 2.0
_WAITING_FOR_EACH = 10  # so many may wait for each that is worked on


class Turn:
    """Of one handshake, from when it may begin until its holder calls `end`. `give_up`, which its holder
    sets, is called when it takes too long; it counts until then, or until it can only be waiting for
    its peer."""

    __slots__ = ("_handshakes", "began_at", "counts", "give_up")

    def __init__(self, handshakes: "Handshakes", began_at: float) -> None:
        self._handshakes = handshakes
        self.began_at = began_at
        self.counts = True
        self.give_up: Callable[[], None] | None = None

    def end(self) -> None:
        self._handshakes.end(self)


class Handshakes:
    """Of one process, in the order in which they came. `limit` 0: any number. Each takes `most_seconds`
    at most, and so long at most its turn is waited for.

    A handshake costs as much as a dozen messages (a signature, a key agreement, a chain to verify), on
    the loop that serves all sessions: between two looks at a session it does at most `limit` of them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, *, most_seconds: float) -> None:
        self._loop = loop
        self._limit = limit
        self._most_seconds = most_seconds
        self._turns: dict[Turn, None] = {}  # the eldest first
        self._counting = 0
        self._waiting: deque[asyncio.Future[Turn]] = deque()

    def take(self) -> Turn | None:
        """A turn at once; None where it has to be waited for."""
        return None if self._limit and self._counting >= self._limit else self._begun()

    async def turn(self) -> Turn | None:
        """None where too many wait already, or the wait is too long."""
        turn = self.take()
        if turn is not None or len(self._waiting) >= self._limit * _WAITING_FOR_EACH:
            return turn
        mine: asyncio.Future[Turn] = self._loop.create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._most_seconds):
                return await mine
        except TimeoutError:
            return None if mine.cancelled() else mine.result()  # it may have come at the last moment
        except asyncio.CancelledError:
            if not mine.cancelled():
                mine.result().end()
            raise

    def end(self, turn: Turn) -> None:
        """It is over; said twice, nothing more happens."""
        if turn in self._turns:
            del self._turns[turn]
            self._count_no_more(turn)

    def check_time(self, now: float) -> None:
        """Called about twice a second by the engine (a timer for each would cost more than its session)."""
        for turn in list(self._turns):
            seconds = now - turn.began_at
            if seconds > _WORK_SECONDS:
                self._count_no_more(turn)
            if seconds > self._most_seconds and turn.give_up is not None:
                turn.give_up()

    def _begun(self) -> Turn:
        turn = Turn(self, self._loop.time())
        self._turns[turn] = None
        self._counting += 1
        return turn

    def _count_no_more(self, turn: Turn) -> None:
        """Its place goes to the one that waits longest."""
        if not turn.counts:
            return
        turn.counts = False
        self._counting -= 1
        while self._waiting:
            heir = self._waiting.popleft()
            if not heir.done():
                heir.set_result(self._begun())
                return
