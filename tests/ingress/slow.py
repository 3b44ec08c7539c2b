"""Slow-loris: connections that send a byte now and then, in the hope that their places run out.

Each begins again when it is shown the door. What is told of each is how long it held its place.
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

_EHLO = b"EHLO slow.example\r\n"
_REPLY_SECONDS = 60.0

Address = tuple[str, int]


@dataclass(frozen=True)
class Kind:
    """`lines`: said first, each when the one before was answered; `drips`: then, byte by byte, over and over."""

    name: str
    lines: Sequence[bytes]
    drips: bytes


COMMAND = Kind("in a command", [_EHLO], b"x")
DATA = Kind(
    "in DATA", [_EHLO, b"MAIL FROM:<a@x.example>\r\n", b"RCPT TO:<b@y.example>\r\n", b"DATA\r\n"], b"slow\r\n"
)
CHUNKS = Kind(
    "in BDAT",
    [_EHLO, b"MAIL FROM:<a@x.example>\r\n", b"RCPT TO:<b@y.example>\r\n"],
    b"BDAT 1\r\nx",
)
HANDSHAKE = Kind(
    "in the TLS handshake", [_EHLO, b"STARTTLS\r\n"], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
)
AUTH = Kind("in AUTH", [_EHLO, b"AUTH LOGIN\r\n"], b"A")
SILENT = Kind("silent", [], b"")


@dataclass
class SlowClients:
    """`kinds`: where each kind goes to, as many of each; `sources`: where they come from, in turn.
    `held`: of each kind the seconds that each place was held that was lost; `turned_away`: replies to those
    that did not come so far as to be slow."""

    kinds: Sequence[tuple[Kind, Address]]
    connections: int
    sources: Sequence[str]
    pause_seconds: float
    held: dict[str, list[float]] = field(default_factory=dict)
    turned_away: Counter[str] = field(default_factory=Counter)
    connected: int = 0

    async def run(self) -> None:
        """Until cancelled."""
        self.held = {kind.name: [] for kind, _ in self.kinds}
        chosen = [self.kinds[number % len(self.kinds)] for number in range(self.connections)]
        async with asyncio.TaskGroup() as group:
            for number, (kind, address) in enumerate(chosen):
                group.create_task(self._client(kind, address, self.sources[number % len(self.sources)]))
                if number % 50 == 49:
                    await asyncio.sleep(0.02)

    async def _client(self, kind: Kind, address: Address, source: str) -> None:
        while True:
            began_at = None
            try:
                reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0), limit=4096)
                began_at = time.monotonic()
                self.connected += 1
                try:
                    await self._hold(kind, reader, writer)
                except _TurnedAway as error:
                    self.turned_away[str(error)[:9]] += 1
                    began_at = None
                finally:
                    self.connected -= 1
                    writer.transport.abort()
            except (OSError, EOFError):
                pass
            if began_at is not None:
                self.held[kind.name].append(time.monotonic() - began_at)
            await asyncio.sleep(self.pause_seconds)

    async def _hold(self, kind: Kind, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Returns, or raises, when the place is lost."""
        await _reply(reader)
        for line in kind.lines:
            writer.write(line)
            await _reply(reader)
        end = asyncio.ensure_future(_end(reader))
        try:
            for number in count():
                done, _ = await asyncio.wait([end], timeout=self.pause_seconds)
                if done:
                    return
                if kind.drips:
                    writer.write(kind.drips[number % len(kind.drips) :][:1])
        finally:
            end.cancel()


class _TurnedAway(Exception):
    """`str(self)`: the reply."""


async def _reply(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(_REPLY_SECONDS):
        while (line := await reader.readuntil(b"\r\n"))[3:4] == b"-":
            pass
    if line[:1] not in b"23":
        raise _TurnedAway(line.decode())


async def _end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass


@contextlib.contextmanager
def slow_clients(clients: SlowClients) -> Iterator[SlowClients]:
    """At work in a thread while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(clients.run(), loop)
    try:
        yield clients
    finally:
        running.cancel()
        asyncio.run_coroutine_threadsafe(_all_done(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _all_done() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
