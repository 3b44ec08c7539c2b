"""TLS between a socket's transport and its session, whose transport it becomes.

The event loop's own takes two timers, a task and a future for each handshake, reads anew what it reads
already, and writes apart what can go with another.
"""

import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Protocol

_MAX_RECORD_BYTES = 16_384  # of content (RFC 8446 §5.1)
# OpenSSL's buffers stay as large as they were once: what comes at once is fed to them in slices.
_SLICE_BYTES = 32_768


class Reader(Protocol):
    """The session."""

    def content_received(self, content: bytes) -> None: ...

    def content_ended(self) -> bool:
        """The peer sends no more. Whether the connection stays open, for an answer."""


class TlsTransport:
    """The server's side. From when it is made the bytes of `transport` have to be fed to it; `reader` hears
    what they say, and has it for its transport.

    One of `established()` and `failed(reason)` is called, once.
    """

    __slots__ = (
        "_established",
        "_failed",
        "_has_said_goodbye",
        "_incoming",
        "_is_established",
        "_is_over",
        "_outgoing",
        "_reader",
        "_transport",
        "tls",
    )

    def __init__(
        self,
        transport: Any,
        reader: Reader,
        context: ssl.SSLContext,
        *,
        established: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._transport = transport
        self._reader = reader
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._established: Callable[[], None] | None = established
        self._failed: Callable[[Exception], None] | None = failed
        self._is_established = False
        self._has_said_goodbye = False
        self._is_over = False  # the peer sends no more

    def give_up(self, reason: Exception) -> None:
        """A handshake that takes too long."""
        self._fail(reason)
        self._transport.abort()

    # --- what comes -------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> None:
        if self._has_said_goodbye or self._is_over:
            return
        try:
            if len(chunk) <= _SLICE_BYTES:
                content = self._read(chunk)
            else:
                slices = range(0, len(chunk), _SLICE_BYTES)
                content = b"".join([self._read(chunk[at : at + _SLICE_BYTES]) for at in slices])
        except ssl.SSLError as error:
            self._fail(error)
            self._send()  # the alert that says why
            self._transport.close()
            return
        if content:
            self._reader.content_received(content)
        if self._is_over and not self._reader.content_ended():
            self.close()

    def end(self) -> bool:
        """The socket's peer sends no more, or is gone. Whether the connection stays open."""
        if self._is_over:  # TLS had said so, and it was answered
            return True
        self._is_over = True
        if self._is_established:
            return self._reader.content_ended()
        self._fail(ConnectionResetError("the peer hung up"))
        return False

    # --- what the session has of its transport ----------------------------------------------------

    def write(self, content: bytes) -> None:
        if self._is_established and not self._has_said_goodbye:
            self.tls.write(content)
            self._send()

    def write_eof(self) -> None:
        """RFC 8446 §6.1: the peer may still send."""
        self._say_goodbye()

    def close(self, last: bytes = b"") -> None:
        """`last` and the goodbye leave together."""
        if not self._transport.is_closing():
            if last and self._is_established and not self._has_said_goodbye:
                self.tls.write(last)
            self._say_goodbye()
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return bool(self._transport.is_closing())

    def pause_reading(self) -> None:
        if self._is_established:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    # --- TLS --------------------------------------------------------------------------------------

    def _shake_hands(self) -> bool:
        """Whether it is done."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return False
        # TLS 1.3's tickets too: to hold them for the first reply would spare a write, but with them goes the
        # acknowledgement that a client with Nagle's algorithm waits for before it says EHLO (40 ms).
        self._send()
        self._is_established = True
        established, self._established, self._failed = self._established, None, None
        if established is not None:
            established()
        return True

    def _read(self, chunk: bytes) -> bytes:
        """What it says; b"" where that is for TLS alone, or the rest of a record is to come."""
        self._incoming.write(chunk)
        if not self._is_established and not self._shake_hands():
            return b""
        pieces = []
        try:
            while self._incoming.pending:
                piece = self.tls.read(_MAX_RECORD_BYTES)
                if not piece:
                    self._is_over = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            self._send()  # the answer to a change of keys
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _send(self) -> None:
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        if self._has_said_goodbye or not self._is_established:
            return
        self._has_said_goodbye = True
        with contextlib.suppress(ssl.SSLError):  # the peer's goodbye is not there yet, and not waited for
            self.tls.unwrap()
        self._send()

    def _fail(self, reason: Exception) -> None:
        failed, self._established, self._failed = self._failed, None, None
        if failed is not None:
            failed(reason)
