"""A conversation with an SMTP server over a raw socket, as a test reads best.

with dial(listener) as peer:
    peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>")
    assert peer.heard(reply.ACCESS_DENIED)
"""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from core.reply import Reply

TIMEOUT_SECONDS = 10.0


class Listener(Protocol):
    host: str
    port: int


@dataclass(frozen=True)
class Heard:
    """One reply as it came: every line with its code, without CRLF."""

    lines: tuple[str, ...]

    @property
    def code(self) -> int:
        return int(self.lines[0][:3]) if self.lines else 0

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(line[4:] for line in self.lines)

    def __str__(self) -> str:
        return "\n".join(self.lines) or "(connection closed)"


CLOSED = Heard(())


class Peer:
    """The client's side. `replies`: all that was heard, the greeting first."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.replies: list[Heard] = []
        self._received = b""

    @property
    def greeting(self) -> Heard:
        return self.replies[0]

    @property
    def last(self) -> Heard:
        return self.replies[-1]

    def says(self, *lines: str | bytes) -> Heard:
        """Each line, and its reply before the next; the last reply."""
        for line in lines:
            self.sends((line.encode() if isinstance(line, str) else line) + b"\r\n")
            self.hears()
        return self.last

    def sends(self, content: bytes) -> None:
        """Bytes as they are; no reply is read."""
        self.socket.sendall(content)

    def sends_message(self, content: bytes) -> Heard:
        """After DATA: the content, dots stuffed, and the end; the reply."""
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        end = b".\r\n" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n.\r\n"
        self.sends(stuffed + end)
        return self.hears()

    def hears(self) -> Heard:
        """The next reply; CLOSED where the server ends the connection instead."""
        lines: list[str] = []
        while True:
            line = self._line()
            if line is None:
                self.replies.append(Heard(tuple(lines)) if lines else CLOSED)
                return self.last
            lines.append(line)
            if line[3:4] != "-":
                self.replies.append(Heard(tuple(lines)))
                return self.last

    def heard(self, expected: Reply | int) -> bool:
        """Whether the last reply is exactly `expected`, or has that code."""
        if isinstance(expected, int):
            return self.last.code == expected
        return self.last.lines == (str(expected),)

    def offers(self, keyword: str) -> bool:
        """Whether the last EHLO reply has the extension (`SIZE`, or `AUTH LOGIN PLAIN` whole)."""
        ehlo = next(heard for heard in reversed(self.replies) if heard.code == 250 and len(heard.lines) > 1)
        return any(text == keyword or text.split(" ")[0] == keyword for text in ehlo.texts[1:])

    def starts_tls(self, context: ssl.SSLContext, *, server_name: str | None = None) -> None:
        """STARTTLS and the handshake; EHLO has to be said again."""
        assert self.says("STARTTLS").code == 220, self.last
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name)

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed (waits for it until the time-out)."""
        try:
            return self._line() is None
        except TimeoutError:
            return False

    def close(self) -> None:
        self.socket.close()

    def _line(self) -> str | None:
        while b"\r\n" not in self._received:
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                more = b""
            if not more:
                return None
            self._received += more
        line, _, self._received = self._received.partition(b"\r\n")
        return line.decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def dial(
    listener: Listener | tuple[str, int],
    *,
    greeting: bool = True,
    source: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Iterator[Peer]:
    """A connection whose greeting was read (unless told not to); `source`: our own loopback address."""
    target: Any = listener if isinstance(listener, tuple) else (listener.host, listener.port)
    connection = socket.create_connection(
        target, timeout=timeout_seconds, source_address=(source, 0) if source else None
    )
    peer = Peer(connection)
    try:
        if greeting:
            peer.hears()
        yield peer
    finally:
        peer.close()
