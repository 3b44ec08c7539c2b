"""A steady stream of mail, as well-behaved servers send it: what has no 250 is sent again, with the
same Message-ID, until it has one."""

import asyncio
import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.e2e.product import Endpoint, message_id_in

CONNECTIONS = 12
_REPLY_SECONDS = 60.0
_PAUSE_SECONDS = 0.1  # before it connects again
_LAST_TRIES_SECONDS = 120.0  # to finish what was begun


@dataclass
class Sent:
    """One message. `message_id`: its header field; `accepted_as`: the product's ID in the 250, "" without."""

    message_id: str
    forward_path: str
    accepted_as: str = ""
    # How often there was no 250 though all of it was sent (the connection broke, or the spool's database
    # did): each may have stored it all the same.
    interruptions: int = 0


class _NotAccepted(Exception):
    """A reply that was none of those that let a message through."""


@dataclass
class Load:
    """What was sent so far; the list grows while it runs."""

    endpoint: Endpoint
    per_second: float
    messages: list[Sent] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)  # replies other than positive and 4xx
    replies: Counter[str] = field(
        default_factory=Counter
    )  # code and enhanced code of those that let none through
    seconds: float = 0.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _next_at: float = 0.0

    @property
    def accepted(self) -> list[Sent]:
        return [sent for sent in list(self.messages) if sent.accepted_as]

    @property
    def interruptions(self) -> int:
        return sum(sent.interruptions for sent in list(self.messages))

    def stop(self) -> None:
        """Begin no message more; those begun are tried on."""
        self._stopping.set()

    async def run(self) -> None:
        started = time.monotonic()
        await asyncio.gather(*(self._client() for _ in range(CONNECTIONS)))
        self.seconds = time.monotonic() - started

    async def _client(self) -> None:
        connection: _Connection | None = None
        while await self._turn():
            number = len(self.messages)
            sent = Sent(f"<{number}.load@sender.example>", f"r{number % 2}@load.example.com")
            self.messages.append(sent)
            gives_up_at = None
            while not sent.accepted_as:
                try:
                    connection = connection or await _Connection.open(self.endpoint)
                    sent.accepted_as = await connection.deliver(sent)
                except _NotAccepted as error:
                    self.replies[str(error)[:9]] += 1
                    if not str(error).startswith("4"):
                        self.unexpected.append(str(error))
                    sent.interruptions += connection is not None and connection.is_content_sent
                except (OSError, EOFError, TimeoutError):
                    sent.interruptions += connection is not None and connection.is_content_sent
                if sent.accepted_as:
                    break
                if connection is not None:
                    connection.close()
                    connection = None
                if self._stopping.is_set():
                    gives_up_at = gives_up_at or time.monotonic() + _LAST_TRIES_SECONDS
                    if time.monotonic() > gives_up_at:
                        return
                await asyncio.sleep(_PAUSE_SECONDS)
        if connection is not None:
            connection.close()

    async def _turn(self) -> bool:
        """Waits for this connection's next turn; False when it is over."""
        now = time.monotonic()
        self._next_at = max(now, self._next_at + 1 / self.per_second)
        await asyncio.sleep(self._next_at - now)
        return not self._stopping.is_set()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_content_sent = False

    @classmethod
    async def open(cls, endpoint: Endpoint) -> "_Connection":
        connection = cls(*await asyncio.open_connection(endpoint.host, endpoint.port))
        try:
            await connection._hears("220")
            connection._writer.write(b"EHLO sender.example\r\n")
            await connection._hears("250")
        except BaseException:
            connection.close()
            raise
        return connection

    async def deliver(self, sent: Sent) -> str:
        """The ID that the 250 names. The commands go out in one piece (RFC 2920)."""
        self.is_content_sent = False
        path = sent.forward_path
        self._writer.write(f"MAIL FROM:<a@sender.example>\r\nRCPT TO:<{path}>\r\nDATA\r\n".encode())
        for expected in ("250", "250", "354"):
            await self._hears(expected)
        head = f"From: a@sender.example\r\nTo: {path}\r\nMessage-ID: {sent.message_id}\r\n"
        body = "0123456789012345678901234567890123456789\r\n" * 20
        self._writer.write(f"{head}Subject: load\r\n\r\n{body}.\r\n".encode())
        self.is_content_sent = True
        return message_id_in(await self._hears("250"))

    async def _hears(self, expected: str) -> str:
        """The last line of the next reply. _NotAccepted, EOFError, OSError, TimeoutError."""
        async with asyncio.timeout(_REPLY_SECONDS):
            while True:
                line = (await self._reader.readuntil(b"\r\n")).decode()
                if line[3] != "-":
                    break
        if not line.startswith(expected):
            raise _NotAccepted(line.strip())
        return line

    def close(self) -> None:
        self._writer.close()


_MESSAGE_ID = re.compile(rb"^Message-ID: (<[^>]+>)", re.MULTILINE)


def count_message_ids(contents: Iterable[bytes]) -> Counter[str]:
    """How often each message of a load is there."""
    found = (_MESSAGE_ID.search(content) for content in contents)
    return Counter(match[1].decode() for match in found if match)


@contextlib.contextmanager
def steady_load(endpoint: Endpoint, *, per_second: float) -> Iterator[Load]:
    """Runs while the block does; afterwards what was begun has ended one way or the other."""
    load = Load(endpoint, per_second)
    thread = threading.Thread(target=lambda: asyncio.run(load.run()))
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()
