"""Slow-loris: thousands of connections that send a byte now and then, and what an honest client feels of it.

The honest client connects, delivers 10 KB and says QUIT, at rest and beside the slow ones, in one run. The
limits are those of the settings, but for those that the report names.
"""

import argparse
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
from ipaddress import ip_address
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles

from benchmarks._measure import table
from benchmarks._targets import Target, ingress
from tests.ingress import slow
from tests.servers.dial import dial

_MAIL, _SUBMISSION = "127.25.77.1", "127.25.77.9"
_IDLE_SECONDS, _HANDSHAKE_SECONDS = 60, 20
_FROM_EACH_SOURCE = 40
_MESSAGE = b"Subject: honest\r\n\r\n" + (b"0123456789" * 6 + b"\r\n") * 165


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing that was started is left behind
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
    try:
        with ingress(
            folder / "mailmanager",
            address=_MAIL,
            rows=("benchmarks._slow_rows", _MAIL, _SUBMISSION),
            more_environment={
                "MAILMANAGER_INGRESS_UNLIMITED_NETWORKS": "192.0.2.0/24",
                "MAILMANAGER_INGRESS_IDLE_TIMEOUT_SECONDS": str(_IDLE_SECONDS),
                "MAILMANAGER_INGRESS_HANDSHAKE_TIMEOUT_SECONDS": str(_HANDSHAKE_SECONDS),
            },
        ) as target:
            _report(target, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _report(target: Target, options: argparse.Namespace) -> None:
    at_rest = _deliveries(target, options.rest)
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=_be_slow, args=(target, options, theirs))
    process.start()
    connected = ours.recv()
    beside = _deliveries(target, options.seconds)
    ours.send(None)
    still_connected, held, turned_away = ours.recv()
    process.join()
    print(
        f"\n{connected:,} slow connections, {still_connected:,} at the end, a byte every {options.pause:g} s;"
    )
    print(f"turned away: {dict(turned_away) or 'nobody'}; limits: idle {_IDLE_SECONDS} s, TLS handshake")
    print(f"{_HANDSHAKE_SECONDS} s, 100 bytes/s over 180 s of content\n")
    rows = [
        [name, f"{len(times)}", *([f"{median(times):.1f}", f"{max(times):.1f}"] if times else ["", ""])]
        for name, times in held.items()
    ]
    print(table(["", "places lost", "held: s, median", "longest"], rows))
    rows = [
        [name, f"{len(times)}", f"{median(times) * 1000:.2f}", f"{quantiles(times, n=20)[-1] * 1000:.2f}"]
        for name, times in (("at rest", at_rest), ("beside the slow", beside))
    ]
    print(f"\n{table(['honest deliveries', 'number', 'ms, median', '95 %'], rows)}")
    print(f"\nratio of the medians: {median(beside) / median(at_rest):.2f}")


def _deliveries(target: Target, seconds: float) -> list[float]:
    """Seconds that each took, from the connection to the reply to QUIT."""
    taken: list[float] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        source = str(ip_address("127.90.0.1") + len(taken) % 100)  # within the limit for each address
        began_at = time.perf_counter()
        with dial((target.address, target.port), source=source, timeout_seconds=60) as peer:
            peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
            heard = peer.sends_message(_MESSAGE)
            assert heard.code == 250, heard
            peer.says("QUIT")
        taken.append(time.perf_counter() - began_at)
        time.sleep(0.05)
    return taken


def _be_slow(target: Target, options: argparse.Namespace, parent: Connection) -> None:
    """In a process of its own: tells when as many as wanted are connected, and at the end what they held."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    mail, submission = (target.address, target.port), (_SUBMISSION, target.port)
    kinds = [(kind, mail) for kind in (slow.COMMAND, slow.DATA, slow.CHUNKS, slow.HANDSHAKE, slow.SILENT)]
    kinds.append((slow.AUTH, submission))
    count = options.connections // _FROM_EACH_SOURCE + 1
    sources = [str(ip_address("127.60.0.1") + number) for number in range(count)]
    clients = slow.SlowClients(kinds, options.connections, sources, options.pause)
    with slow.slow_clients(clients):
        waits_until = time.monotonic() + 60
        while clients.connected < options.connections * 0.98 and time.monotonic() < waits_until:
            time.sleep(0.1)
        parent.send(clients.connected)
        parent.recv()
        told = clients.connected, {kind: list(times) for kind, times in clients.held.items()}
    parent.send((*told, clients.turned_away))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=200, help="beside the slow ones")
    parser.add_argument("--rest", type=float, default=20, help="seconds of deliveries at rest")
    parser.add_argument("--pause", type=float, default=5, help="seconds between two bytes of a connection")
    parser.add_argument("--dir", help="on the disk to be used")
    return parser.parse_args()


if __name__ == "__main__":
    main()
