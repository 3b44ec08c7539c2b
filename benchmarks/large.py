"""Large messages, many at a time: the memory that the ingress needs for them, and what others feel of it.

Each way of keeping them gets an ingress of its own. Meanwhile a client sends small messages one after
the other over one connection, and notes how long each took to its 250.
"""

import argparse
import multiprocessing
import os
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median

from benchmarks import _targets as targets
from benchmarks._measure import cpu_seconds, family, table

_MEGABYTE = 1024 * 1024
_HEADER = b"From: sender@client.example\r\nSubject: large\r\n\r\n"
_LINE = b"All of it, in the order in which it was said, and by whom it was. 123456789\r\n"
_PIECE = _LINE * (_MEGABYTE // len(_LINE))
_SMALL = _LINE * 128  # 10 KB
_POLL_SECONDS = 0.05
_REPLY_SECONDS = 240.0


@dataclass
class Result:
    """`replies`: to the large messages, by code. `waits`: of the small ones for their 250, in seconds;
    `turns`: of a NOOP for its reply, which needs nothing but a turn of the event loop."""

    resting_bytes: int
    peak_bytes: int = 0
    replies: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)


class Client:
    """One connection, and transactions over it."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), timeout=_REPLY_SECONDS)
        self._replies = self._socket.makefile("rb")
        self._hear()
        self.say(b"EHLO client.example")

    def send(self, piece: bytes, times: int) -> str:
        """The code that the content was answered with."""
        self.say(b"MAIL FROM:<sender@client.example>")
        self.say(b"RCPT TO:<recipient@bench.example>")
        self.say(b"DATA")
        self._socket.sendall(_HEADER)
        for _ in range(times):
            self._socket.sendall(piece)
        return self.say(b".")

    def close(self) -> None:
        self._replies.close()
        self._socket.close()

    def say(self, line: bytes) -> str:
        self._socket.sendall(line + b"\r\n")
        return self._hear()

    def _hear(self) -> str:
        while (line := self._replies.readline())[3:4] == b"-":
            pass
        return line[:3].decode()


def main() -> None:
    options = _options()
    print(
        f"\n{options.messages} messages of {options.megabytes} MB at a time, budget {options.budget} MB;"
        " beside them small ones of 10 KB, one after the other\n"
    )
    ways = {
        "in files beyond 1 MB": {"MAILMANAGER_INGRESS_MAX_IN_MEMORY_BYTES": str(_MEGABYTE)},
        "in memory": {"MAILMANAGER_INGRESS_MAX_IN_MEMORY_BYTES": "0"},
    }
    rows = []
    for way, environment in ways.items():
        if options.way in ("", way):
            budget = {"MAILMANAGER_INGRESS_BUDGET_BYTES": str(options.budget * _MEGABYTE)}
            rows.append(_row(way, _run(options, budget | environment), options.megabytes))
    print(table(_COLUMNS, rows))


_COLUMNS = (
    "large messages",
    "resting, MB",
    "peak, MB",
    "replies",
    "MB/s",
    "CPU ms a MB",
    "small: median ms",
    "longest ms",
    "NOOP: longest ms",
)


def _row(way: str, result: Result, megabytes: int) -> list[str]:
    accepted = result.replies["250"] * megabytes
    return [
        way,
        f"{result.resting_bytes / _MEGABYTE:.0f}",
        f"{result.peak_bytes / _MEGABYTE:.0f}",
        ", ".join(f"{count} of {code}" for code, count in sorted(result.replies.items())),
        f"{accepted / result.seconds:.0f}",
        f"{1000 * result.cpu_seconds / accepted:.1f}" if accepted else "-",
        f"{1000 * median(result.waits):.1f}",
        f"{1000 * max(result.waits):.0f}",
        f"{1000 * max(result.turns):.0f}",
    ]


def _run(options: argparse.Namespace, environment: Mapping[str, str]) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
    try:
        with targets.ingress(folder / "ingress", more_environment=environment) as target:
            return _load(target, options.messages, options.megabytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _load(target: targets.Target, messages: int, megabytes: int) -> Result:
    resting = Client(target.address, target.port)
    resting.send(_SMALL, 1)
    result = Result(resting_bytes=_resident_bytes(target.pid))
    resting.close()
    is_over = multiprocessing.Event()
    mine, small = multiprocessing.Pipe(duplex=False)
    # A process of its own: among the threads that send the large ones it would wait for its turn.
    sender = multiprocessing.Process(target=_send_small, args=(target.address, target.port, small, is_over))
    watcher = threading.Thread(target=_watch, args=(target, result, is_over))
    sender.start()
    watcher.start()
    cpu_before, began_at = cpu_seconds(target.pid), time.perf_counter()
    with ThreadPoolExecutor(messages) as threads:
        clients = list(threads.map(lambda _: Client(target.address, target.port), range(messages)))
        result.replies.update(threads.map(lambda client: client.send(_PIECE, megabytes), clients))
    result.seconds = time.perf_counter() - began_at
    result.cpu_seconds = cpu_seconds(target.pid) - cpu_before
    is_over.set()
    result.waits, result.turns = mine.recv()
    sender.join()
    watcher.join()
    for client in clients:
        client.close()
    return result


def _watch(target: targets.Target, result: Result, is_over: Event) -> None:
    while not is_over.wait(_POLL_SECONDS):
        result.peak_bytes = max(result.peak_bytes, _resident_bytes(target.pid))


def _send_small(address: str, port: int, report: Connection, is_over: Event) -> None:
    client = Client(address, port)
    waits, turns = [], []
    while not is_over.is_set():
        began_at = time.perf_counter()
        client.say(b"NOOP")
        turned_at = time.perf_counter()
        client.send(_SMALL, 1)
        turns.append(turned_at - began_at)
        waits.append(time.perf_counter() - turned_at)
    client.close()
    report.send((waits, turns))


def _resident_bytes(pid: int) -> int:
    """Of the process that serves: the largest of `pid` and its descendants."""
    sizes = [0]
    for one in family(pid):
        try:
            sizes.append(int(Path(f"/proc/{one}/statm").read_text().split()[1]))
        except OSError:
            continue
    return max(sizes) * os.sysconf("SC_PAGE_SIZE")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench large", description=__doc__)
    parser.add_argument("--messages", type=int, default=100, help="at a time")
    parser.add_argument("--megabytes", type=int, default=39, help="of each; 40 is the largest that is taken")
    parser.add_argument("--budget", type=int, default=512, help="memory for messages, in MB")
    parser.add_argument("--way", default="", help="only this one: as the first column says")
    parser.add_argument("--dir", default=None, help="the folder whose disk is used")
    return parser.parse_args()


if __name__ == "__main__":
    main()
