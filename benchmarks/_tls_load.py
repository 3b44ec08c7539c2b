"""A client that does little but shake hands: connect, EHLO, STARTTLS, EHLO, a message if wanted, QUIT.

Sessions are processes with blocking sockets, the lightest that Python has: OpenSSL does nearly all of it.
"""

import multiprocessing
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import Pool

from benchmarks._talk import hear, say

_STEP_SECONDS = 30.0  # a server that stalls for longer ends the benchmark
_EHLO = b"EHLO client.example\r\n"


@dataclass(frozen=True)
class TlsLoad:
    """`content`: of the message that each session sends; none where empty."""

    address: str
    port: int
    seconds: float
    is_resumed: bool
    content: bytes = b""


@dataclass(frozen=True)
class Done:
    """`cpu_seconds`: the client's own."""

    sessions: int
    resumed: int
    seconds: float
    cpu_seconds: float


@contextmanager
def clients(count: int) -> Iterator[Pool]:
    """`count` sessions at once."""
    with multiprocessing.get_context("fork").Pool(count) as pool:
        yield pool


def run(pool: Pool, sessions: int, load: TlsLoad) -> Done:
    """RuntimeError where a server answers otherwise than it has to."""
    started_at = time.perf_counter()
    parts = pool.map(_converse_for, [load] * sessions, chunksize=1)
    return Done(
        sum(part.sessions for part in parts),
        sum(part.resumed for part in parts),
        time.perf_counter() - started_at,
        sum(part.cpu_seconds for part in parts),
    )


def _converse_for(load: TlsLoad) -> Done:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the servers are measured, not this client
    sessions, resumed, ticket = 0, 0, None
    started_at, used_before = time.perf_counter(), time.process_time()
    while time.perf_counter() - started_at < load.seconds:
        is_resumed, new_ticket = _converse(load, context, ticket)
        sessions += 1
        resumed += is_resumed
        ticket = ticket or new_ticket
    return Done(sessions, resumed, time.perf_counter() - started_at, time.process_time() - used_before)


def _converse(
    load: TlsLoad, context: ssl.SSLContext, ticket: ssl.SSLSession | None
) -> tuple[bool, ssl.SSLSession | None]:
    """Whether the TLS session was resumed; the first time, what to resume it with (which is slow to get)."""
    with socket.create_connection((load.address, load.port), _STEP_SECONDS) as clear:
        hear(clear, b"220")
        say(clear, _EHLO, b"250")
        say(clear, b"STARTTLS\r\n", b"220")
        with context.wrap_socket(clear, session=ticket) as secured:
            say(secured, _EHLO, b"250")
            if load.content:
                say(secured, b"MAIL FROM:<sender@client.example>\r\n", b"250")
                say(secured, b"RCPT TO:<recipient@bench.example>\r\n", b"250")
                say(secured, b"DATA\r\n", b"354")
                say(secured, load.content, b"250")
            say(secured, b"QUIT\r\n", b"221")
            wants_ticket = load.is_resumed and ticket is None
            return bool(secured.session_reused), secured.session if wants_ticket else None
