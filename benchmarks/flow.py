"""Mail that is accepted, goes through ten rules and is relayed on: Mail Manager and Postfix side by side.

A round ends when its last message has arrived at the next server, a counting smtp-sink. Alternating
rounds, of which the ratios count, and of those the median.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import _flow_targets as targets
from benchmarks._flow_targets import FlowTarget
from benchmarks._measure import Round, cpu_seconds, cpu_seconds_of, median_ratio, table

_ARRIVAL_SECONDS = 60.0  # a message that takes longer after the last 250 is lost
_POLL_SECONDS = 0.01
WAYS = {"new connection": False, "reused connection": True}

_HEADER = """\
Received: from laptop.client.example (laptop.client.example [192.0.2.7])
\tby mx.client.example with ESMTPSA; Wed, 25 Nov 2026 10:00:00 +0000
From: =?utf-8?q?Ann_M=C3=BCller?= <ann@client.example>
To: "Bob, at the bench" <bob@bench.example>, carol@bench.example
Cc: Dora <dora@bench.example>
Subject: Minutes of the meeting
 of Wednesday
Date: Wed, 25 Nov 2026 10:00:00 +0000
Message-ID: <20261125100000.4711@client.example>
X-Mailer: smtp-source
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

"""
_LINE = "All of it, in the order in which it was said, and by whom it was.\n"


@dataclass(frozen=True)
class Flow(Round):
    """`backlog`: messages that had their 250 and had not arrived yet, the most that was seen.
    `accept_seconds`: until the last 250. `ingress_cpu_seconds`, `worker_cpu_seconds`: of our processes."""

    accept_seconds: float
    backlog: int
    ingress_cpu_seconds: float
    worker_cpu_seconds: float


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
    folder.chmod(0o755)  # Postfix's own user looks into its queue
    letter = folder / "letter"
    letter.write_text(_HEADER + _LINE * ((options.size - len(_HEADER)) // len(_LINE)))
    try:
        for way, is_reused in WAYS.items():
            if options.way not in (way.partition(" ")[0], "both"):
                continue
            with ExitStack() as stack:
                servers = [stack.enter_context(start) for start in _servers(folder / way[:3], options)]
                print(
                    f"\n{way}, {letter.stat().st_size:,} bytes, {options.sessions} sessions,"
                    f" {options.rules} rules, {options.rounds} rounds; load {_load()}\n"
                )
                print(_compared(servers, options, letter, is_reused), flush=True)
        print(f"\nload afterwards {_load()}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _servers(folder: Path, options: argparse.Namespace) -> Iterator[AbstractContextManager[FlowTarget]]:
    folder.mkdir()
    environment = {}
    if options.ingress:
        environment["MAILMANAGER_INGRESS_PROCESSES"] = str(options.ingress)
    if options.workers:
        environment["MAILMANAGER_WORKER_PROCESSES"] = str(options.workers)
    yield targets.mail_manager(
        folder / "mm",
        address="127.25.78.1",
        sink_host="127.25.78.2",
        rules=options.rules,
        environment=environment,
    )
    if not options.alone:
        yield targets.postfix(
            folder / "pf", address="127.25.78.3", sink_host="127.25.78.4", rules=options.rules
        )


def _compared(servers: list[FlowTarget], options: argparse.Namespace, letter: Path, is_reused: bool) -> str:
    counts = {server: _fitting_count(server, options, letter, is_reused) for server in servers}
    rounds: dict[FlowTarget, list[Flow]] = {server: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            rounds[server].append(_flow(server, counts[server], options.sessions, letter, is_reused))
    ours = servers[0]
    ingress = median(one.ingress_cpu_seconds / one.messages for one in rounds[ours]) * 1000
    worker = median(one.worker_cpu_seconds / one.messages for one in rounds[ours]) * 1000
    parts = f"of ours {ingress:.3f} in the ingress, {worker:.3f} in the workers"
    return f"{_table(servers, rounds, counts)}\n\n{parts}"


def _table(
    servers: list[FlowTarget], rounds: dict[FlowTarget, list[Flow]], counts: dict[FlowTarget, int]
) -> str:
    ours = servers[0]
    return table(
        ["", "messages", "messages/s", "accepted/s", "backlog at most", "CPU ms/message", "we are faster by"],
        [
            [
                server.name,
                str(counts[server]),
                f"{median(one.rate for one in rounds[server]):.0f}",
                f"{median(one.messages / one.accept_seconds for one in rounds[server]):.0f}",
                f"{median(one.backlog for one in rounds[server]):.0f}",
                f"{median(one.cpu_seconds / one.messages for one in rounds[server]) * 1000:.3f}",
                "" if server is ours else f"{median_ratio(rounds[ours], rounds[server]):.2f}",
            ]
            for server in servers
        ],
    )


def _fitting_count(server: FlowTarget, options: argparse.Namespace, letter: Path, is_reused: bool) -> int:
    """So many messages that a round takes about `--seconds`, found by two trials, which warm up too."""
    _flow(server, 300, options.sessions, letter, is_reused)
    trial = _flow(server, 600, options.sessions, letter, is_reused)
    return max(trial.messages, int(trial.rate * options.seconds))


def _flow(server: FlowTarget, messages: int, sessions: int, letter: Path, is_reused: bool) -> Flow:
    before, cpu_before = server.sink.count(), _cpu(server)
    command = [
        "smtp-source",
        *(["-d"] if is_reused else []),
        *("-c", "-s", str(sessions), "-m", str(messages), "-F", str(letter)),
        *("-f", "ann@client.example", "-t", "bob@bench.example", f"{server.address}:{server.port}"),
    ]
    accepted_at, backlog = 0.0, 0
    accepted = letter.with_name("accepted")
    started_at = time.perf_counter()
    with accepted.open("wb") as counter:
        source = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=counter)
    deadline = started_at + _ARRIVAL_SECONDS
    while (arrived := server.sink.count() - before) < messages:
        if source.poll() is not None and not accepted_at:
            assert source.returncode == 0, f"{server.name} refused mail"
            accepted_at, deadline = time.perf_counter(), time.perf_counter() + _ARRIVAL_SECONDS
        backlog = max(backlog, _last_number(accepted) - arrived)
        assert time.perf_counter() < deadline, f"{server.name}: {arrived} of {messages} arrived"
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - started_at
    source.wait(10)
    time.sleep(0.5)  # what is written down afterwards costs CPU time too
    assert server.sink.count() - before == messages, f"{server.name} delivered some twice"
    cpu, ingress, worker = (after - earlier for after, earlier in zip(_cpu(server), cpu_before, strict=True))
    accept_seconds = (accepted_at or started_at + seconds) - started_at
    return Flow(messages, seconds, cpu, accept_seconds, backlog, ingress, worker)


def _cpu(server: FlowTarget) -> tuple[float, float, float]:
    """Seconds so far: all of it, our ingress, our workers."""
    return (
        cpu_seconds(server.pid),
        cpu_seconds_of(server.pid, " runingress"),
        cpu_seconds_of(server.pid, " worker "),
    )


def _last_number(counter: Path) -> int:
    """smtp-source writes how many were accepted, after each, with CR behind it."""
    with counter.open("rb") as file:
        file.seek(max(0, counter.stat().st_size - 40))
        numbers = file.read().split(b"\r")
    return int(numbers[-2]) if len(numbers) > 1 and numbers[-2].isdigit() else 0


def _load() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round and target")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--size", type=int, default=10_240, help="bytes of a message")
    parser.add_argument("--rules", type=int, default=10)
    parser.add_argument("--way", choices=("new", "reused", "both"), default="both")
    parser.add_argument("--ingress", type=int, help="processes (default: as in production)")
    parser.add_argument("--workers", type=int, help="processes (default: as in production)")
    parser.add_argument("--alone", action="store_true", help="without Postfix")
    parser.add_argument("--dir", help="on the disk to be measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
