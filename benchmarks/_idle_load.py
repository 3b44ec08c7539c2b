"""Connections that are opened, say EHLO, and rest."""

import contextlib
import multiprocessing
import resource
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from benchmarks._talk import hear, say

_STEP_SECONDS = 60.0
_AT_ONCE = 100  # are connected before the first of them is heard
_OTHER_FILES = 200
_FROM_EACH_SOURCE = 10_000  # of its ports


def most_files() -> int:
    """That a process may have open here."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@dataclass(frozen=True)
class IdleLoad:
    """`source`: the first of the addresses that connections come from."""

    address: str
    port: int
    connections: int
    is_secured: bool = False
    source: str = "127.40.0.1"


@contextlib.contextmanager
def resting(load: IdleLoad) -> Iterator[int]:
    """How many were let in. Processes of their own hold them: the limit of open files counts for each."""
    context = multiprocessing.get_context("fork")
    for_each = min(load.connections, most_files() - _OTHER_FILES, _FROM_EACH_SOURCE)
    opened, end = context.Queue(), context.Event()
    processes = []
    for number, first in enumerate(range(0, load.connections, for_each)):
        source = str(ip_address(load.source) + number)
        part = replace(load, source=source, connections=min(for_each, load.connections - first))
        processes.append(context.Process(target=_hold, args=(part, opened, end)))
    try:
        for process in processes:
            process.start()
        yield sum(opened.get(timeout=5 * _STEP_SECONDS) for _ in processes)
    finally:
        end.set()
        for process in processes:
            process.join()


def _hold(load: IdleLoad, opened: "Queue[int]", end: Event) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files(), most_files()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if load.is_secured else None
    if context:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the servers are measured, not this client
    held: list[socket.socket] = []
    # Who turns us away or hangs up is full: what was let in until then counts.
    with contextlib.suppress(OSError, RuntimeError):
        while len(held) < load.connections:
            wave = [
                socket.create_connection((load.address, load.port), _STEP_SECONDS, (load.source, 0))
                for _ in range(min(_AT_ONCE, load.connections - len(held)))
            ]
            held.extend(_greeted(connection, context) for connection in wave)
    opened.put(len(held))
    end.wait()
    for connection in held:
        connection.close()


def _greeted(connection: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    hear(connection, b"220")
    say(connection, b"EHLO client.example\r\n", b"250")
    if context is None:
        return connection
    say(connection, b"STARTTLS\r\n", b"220")
    secured = context.wrap_socket(connection)
    say(secured, b"EHLO client.example\r\n", b"250")
    return secured
