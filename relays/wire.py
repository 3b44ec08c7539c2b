"""The transport under a conversation: bytes of the peer become replies as they arrive.

A protocol rather than asyncio's streams, because a stream keeps bytes that came in the clear and
would hand them out after STARTTLS as if TLS had protected them.
"""

import asyncio
import ssl
from collections import deque
from typing import cast

from relays.logic.replies import HeardReply, ReplyParser, ReplySyntaxError

_MAX_UNHEARD = 1000  # replies; many more than the recipients of one transaction


class ConnectionLost(OSError):
    """The peer closed the connection."""

    def __init__(self) -> None:
        super().__init__("the peer closed the connection")


class Wire(asyncio.Protocol):
    """`replies`: heard by nobody yet. What is wrong raises OSError or ReplySyntaxError where one waits."""

    def __init__(self) -> None:
        self.replies: deque[HeardReply] = deque()
        self.is_open = False
        self.is_congested = False
        self._parser = ReplyParser()
        self._fault: Exception | None = None
        self._transport: asyncio.Transport | None = None
        self._heard: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- called by the conversation ---------------------------------------------------------------

    def write(self, lines: bytes) -> None:
        """Ignored where the connection is gone: the next reply's absence says so."""
        if self._transport and self.is_open:
            self._transport.write(lines)

    async def next_reply(self) -> HeardReply:
        while not self.replies:
            if self._fault:
                raise self._fault
            self._heard = asyncio.get_running_loop().create_future()
            await self._heard
        return self.replies.popleft()

    async def drained(self) -> None:
        """Until there is room to write."""
        while self.is_congested:
            if self._fault:
                raise self._fault
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    async def start_tls(self, context: ssl.SSLContext, host: str) -> str:
        """The handshake; the TLS version. OSError (SSLError) where it fails.

        What the peer sent after its 220 and before the handshake was not protected: it ends the
        connection (RFC 3207 §6).
        """
        if self.replies or not self._parser.is_between_replies:
            raise ReplySyntaxError("it spoke between STARTTLS and the handshake")
        if self._fault or self._transport is None:
            raise self._fault or ConnectionLost()
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._transport, self, context, server_hostname=host)
        except BaseException as error:
            # The loop closes the connection, but tells a protocol nothing that was never secured.
            self.connection_lost(error if isinstance(error, OSError) else None)
            raise
        if secured is None:
            raise ConnectionLost
        self._transport = secured
        return str(secured.get_extra_info("ssl_object").version())

    async def close(self) -> None:
        if self._transport is None:
            return
        self.is_open = False
        self._transport.abort()  # all that mattered was answered; a peer that is silent can't hold us
        await self._closed

    # --- called by the loop -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self.replies.extend(self._parser.feed(data))
            if len(self.replies) > _MAX_UNHEARD:
                raise ReplySyntaxError("it answers more than it was asked")
        except ReplySyntaxError as error:
            self._end(error)
        self._wake(self._heard)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc if isinstance(exc, OSError) else ConnectionLost())
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self.is_congested = True

    def resume_writing(self) -> None:
        self.is_congested = False
        self._wake(self._drained)

    def _end(self, fault: Exception) -> None:
        self.is_open = False
        self._fault = self._fault or fault
        if self._transport:
            self._transport.abort()
        self._wake(self._heard)
        self._wake(self._drained)

    @staticmethod
    def _wake(waiting: "asyncio.Future[None] | None") -> None:
        if waiting and not waiting.done():
            waiting.set_result(None)
