"""A small SMTP or LMTP server that receives: what relays and mailboxes deliver to in tests.

It keeps what it got, and answers at any stage what a test tells it to:

    peer.answers("RCPT", "450 4.2.0 Busy", times=2)
    peer.refuses("b@y.example", "550 5.1.1 No such user")
    peer.closes("content")
    peer.waits("EHLO", 3)
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.servers.process import wait_until

Stage = Literal["connect", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "content", "RSET", "NOOP", "QUIT"]

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Received:
    """One message that was accepted, for one recipient at least."""

    connection: int  # 1, 2, … in the order of connecting
    helo: str
    is_tls: bool
    reverse_path: str
    forward_paths: tuple[str, ...]  # those that were accepted
    parameters: tuple[str, ...]  # of MAIL FROM
    content: bytes


@dataclass
class _Order:
    """What to do at a stage instead of the usual; `left` None: always."""

    reply: str = ""
    close: bool = False
    seconds: float = 0.0
    left: int | None = None


class SmtpPeer:
    def __init__(self, *, lmtp: bool, tls: ssl.SSLContext | None) -> None:
        self.host = HOST
        self.port = 0  # set when it listens
        self.lmtp = lmtp
        self.tls = tls
        self.messages: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.offers: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
        self.takes_data_without_recipients = False
        self._orders: dict[str, list[_Order]] = {}
        self._refused: dict[str, str] = {}
        self._refused_content: dict[str, str] = {}

    # --- what a test tells it -----------------------------------------------------------------

    def answers(self, stage: Stage, reply: str, *, times: int | None = None) -> None:
        self._orders.setdefault(stage, []).append(_Order(reply=reply, left=times))

    def closes(self, stage: Stage, *, times: int | None = None) -> None:
        self._orders.setdefault(stage, []).append(_Order(close=True, left=times))

    def waits(self, stage: Stage, seconds: float, *, times: int | None = None) -> None:
        self._orders.setdefault(stage, []).append(_Order(seconds=seconds, left=times))

    def refuses(self, forward_path: str, reply: str, *, after_content: bool = False) -> None:
        """Answer to RCPT for that recipient; `after_content`: LMTP's reply for it after the data."""
        (self._refused_content if after_content else self._refused)[forward_path.lower()] = reply

    def recovers(self) -> None:
        """Forget every order: all is accepted again."""
        self._orders.clear()
        self._refused.clear()
        self._refused_content.clear()

    def wait_for(self, count: int, *, timeout_seconds: float = 20.0) -> list[Received]:
        """The messages, as soon as there are `count`."""
        wait_until(lambda: len(self.messages) >= count, f"{count} messages", timeout_seconds=timeout_seconds)
        return self.messages

    def order(self, stage: str) -> _Order:
        for order in self._orders.get(stage, []):
            if order.left is None:
                return order
            if order.left > 0:
                order.left -= 1
                return order
        return _Order()

    def recipient_refusal(self, forward_path: str, *, after_content: bool = False) -> str:
        return (self._refused_content if after_content else self._refused).get(forward_path.lower(), "")


class _Closed(Exception):
    """The conversation is over."""


@dataclass
class _Conversation:
    peer: SmtpPeer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    helo: str = ""
    is_tls: bool = False
    reverse_path: str | None = None
    parameters: tuple[str, ...] = ()
    forward_paths: list[str] = field(default_factory=list)

    async def run(self) -> None:
        await self.says("connect", "220 peer.example ESMTP")
        while line := await self.reader.readline():
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self.peer.commands.append(text)
            await self.obey(text)

    async def obey(self, text: str) -> None:
        verb, _, rest = text.partition(" ")
        match verb.upper():
            case "EHLO" | "LHLO" | "HELO":
                self.helo = rest
                self.reset()
                await self.says("EHLO", self.greeting(verb.upper()))
            case "STARTTLS" if self.peer.tls and not self.is_tls:
                if await self.says("STARTTLS", "220 2.0.0 Go ahead"):
                    await self.writer.start_tls(self.peer.tls)
                    self.is_tls = True
                    self.reset()
            case "MAIL":
                if await self.says("MAIL", "250 2.1.0 Ok"):
                    path, *parameters = rest.partition(":")[2].split()
                    self.reverse_path, self.parameters = path.strip("<>"), tuple(parameters)
            case "RCPT" if self.reverse_path is not None:
                path = rest.partition(":")[2].split()[0].strip("<>")
                refusal = self.peer.recipient_refusal(path)
                if await self.says("RCPT", refusal or "250 2.1.5 Ok"):
                    self.forward_paths.append(path)
            case "DATA" if self.forward_paths or self.peer.takes_data_without_recipients:
                if await self.says("DATA", "354 Go ahead"):
                    await self.content()
            case "RSET" | "NOOP" as stage:
                self.reset()
                await self.says(stage, "250 2.0.0 Ok")
            case "QUIT":
                await self.says("QUIT", "221 2.0.0 Bye")
                raise _Closed
            case _:
                await self.write("503 5.5.1 Bad sequence of commands")

    def greeting(self, verb: str) -> str:
        extensions = ["peer.example"]
        if verb != "HELO":
            extensions += self.peer.offers
            if self.peer.tls and not self.is_tls:
                extensions.append("STARTTLS")
        lines = [f"250-{text}" for text in extensions]
        lines[-1] = lines[-1].replace("250-", "250 ", 1)
        return "\r\n".join(lines)

    async def content(self) -> None:
        content = (await self._until_end()).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        content = content[1:] if content.startswith(b"..") else content
        accepted = []
        # RFC 2033 §4.2: LMTP answers for each recipient that RCPT accepted.
        if not self.forward_paths:
            await self.write("554 5.5.1 No valid recipients")
            self.reset()
            return
        for path in self.forward_paths if self.peer.lmtp else [""]:
            refusal = self.peer.recipient_refusal(path, after_content=True) if path else ""
            if await self.says("content", refusal or "250 2.0.0 Ok"):
                accepted += [path] if path else self.forward_paths
        if accepted:
            self.peer.messages.append(
                Received(
                    connection=self.number,
                    helo=self.helo,
                    is_tls=self.is_tls,
                    reverse_path=self.reverse_path or "",
                    forward_paths=tuple(accepted),
                    parameters=self.parameters,
                    content=content,
                )
            )
        self.reset()

    async def _until_end(self) -> bytes:
        """Up to and with the line that is a dot; the very first line may be it."""
        content = b""
        while not (content == b".\r\n" or content.endswith(b"\r\n.\r\n")):
            line = await self.reader.readline()
            if not line:
                raise _Closed
            content += line
        return content

    async def says(self, stage: str, usual: str) -> bool:
        """Answer as ordered, else as usual; whether that was positive."""
        order = self.peer.order(stage)
        if order.seconds:
            await asyncio.sleep(order.seconds)
        if order.close:
            raise _Closed
        return await self.write(order.reply or usual)

    async def write(self, text: str) -> bool:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()
        return text[0] in "23"

    def reset(self) -> None:
        self.reverse_path, self.parameters, self.forward_paths = None, (), []


async def _serve(peer: SmtpPeer, started: threading.Event, stop: asyncio.Event) -> None:
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        conversations.add(task)
        peer.connections += 1
        conversation = _Conversation(peer, reader, writer, peer.connections)
        try:
            await conversation.run()
        except (_Closed, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # over, one way or another
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            conversations.discard(task)

    server = await asyncio.start_server(converse, HOST, 0, limit=64 * 1024 * 1024)
    peer.port = server.sockets[0].getsockname()[1]
    started.set()
    await stop.wait()
    server.close()
    for task in conversations:
        task.cancel()
    await asyncio.gather(*conversations, return_exceptions=True)


@contextlib.contextmanager
def serve_smtp_peer(*, lmtp: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[SmtpPeer]:
    """A listening peer; `tls`: it offers STARTTLS with that server context."""
    peer = SmtpPeer(lmtp=lmtp, tls=tls)
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_serve(peer, started, stop))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10), "the SMTP peer does not listen"
    try:
        yield peer
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
