"""How many TLS handshakes are worked on at once, so that a flood of them does not starve mail under way."""

import asyncio
from collections import deque

# What takes longer waits for its peer and costs no processor time: it holds nobody up any more.
_WORK_SECONDS = 2.0
_WAITING_FOR_EACH = 10  # so many may wait for each that is worked on


class Turn:
    """Its holder's handshake counts until `end`, or until it can only be waiting for its peer."""

    __slots__ = ("_handshakes", "_timer")

    def __init__(self, handshakes: "Handshakes", loop: asyncio.AbstractEventLoop) -> None:
        self._handshakes: Handshakes | None = handshakes
        self._timer = loop.call_later(_WORK_SECONDS, self.end)

    def end(self) -> None:
        if self._handshakes is not None:
            self._timer.cancel()
            self._handshakes.ended()
            self._handshakes = None


class Handshakes:
    """Of one process, in the order in which they came. `limit` 0: any number.

    A handshake costs as much as a dozen messages (a signature, a key agreement, a chain to verify), on
    the loop that serves all sessions: between two looks at a session it does at most `limit` of them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, *, wait_seconds: float) -> None:
        self._loop = loop
        self._limit = limit
        self._wait_seconds = wait_seconds
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> Turn | None:
        """None where too many wait already, or the wait is too long."""
        if self._limit and self._under_way >= self._limit:
            if len(self._waiting) >= self._limit * _WAITING_FOR_EACH or not await self._wait():
                return None
        else:
            self._under_way += 1
        return Turn(self, self._loop)

    def ended(self) -> None:
        """A turn is over: it goes to the one that waits longest."""
        while self._waiting:
            heir = self._waiting.popleft()
            if not heir.done():
                heir.set_result(None)
                return
        self._under_way -= 1

    async def _wait(self) -> bool:
        """Whether a turn was handed over in time."""
        mine = self._loop.create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await mine
        except TimeoutError:
            return not mine.cancelled()  # it may have come at the last moment
        except asyncio.CancelledError:
            if not mine.cancelled():
                self.ended()
            raise
        return True
