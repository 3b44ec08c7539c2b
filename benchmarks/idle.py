"""Memory of a connection that rests: Mail Manager with as many as the machine's limit of open files lets one
process have, other mail servers with fewer.

A server's memory is the proportional set size of all its processes. What the kernel adds for a
connection is told for both its ends, as client and server are on one machine.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks._certificate import make_certificate
from benchmarks._idle_load import IdleLoad, most_files, resting
from benchmarks._measure import cpu_seconds, family, table
from benchmarks._peers import RESTING, add_peers_option, started
from benchmarks._targets import Target, ingress

_SERVERS_OTHER_FILES = 100
_KIB = 1024


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # the other servers' own users look into it
    try:
        with ExitStack() as stack:
            ours = stack.enter_context(
                ingress(
                    folder / "mailmanager",
                    certificate=make_certificate(folder),
                    more_environment={"MAILMANAGER_INGRESS_MAX_CONNECTIONS": "0"},
                )
            )
            print(report(ours, list(started(stack, folder, RESTING, options.peers)), options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(ours: Target, peers: Sequence[Target], options: argparse.Namespace) -> str:
    most = min(options.connections, most_files() - _SERVERS_OTHER_FILES)
    rows = [
        _row(ours.name, ours, IdleLoad(ours.address, ours.port, most), options.settle),
        _row(
            f"{ours.name}, TLS",
            ours,
            IdleLoad(ours.address, ours.port, options.secured, is_secured=True),
            options.settle,
        ),
    ]
    for peer in peers:
        load = IdleLoad(peer.address, peer.port, options.peer_connections)
        rows.append(_row(peer.name, peer, load, options.settle))
    header = ["", "connections", "KiB each", "kernel, both ends", "all: MiB", "CPU at rest"]
    return f"\na process may have {most_files():,} files open\n\n{table(header, rows)}"


def _row(name: str, server: Target, load: IdleLoad, settle_seconds: float) -> list[str]:
    with resting(replace(load, connections=1)):
        time.sleep(settle_seconds)  # what the first connection of all brings with it is no connection's
        before, kernel_before = _memory(server), _kernel_memory()
        with resting(load) as opened:
            time.sleep(settle_seconds)
            each = (_memory(server) - before) / opened
            in_kernel = (_kernel_memory() - kernel_before) / opened
            used_before, started_at = cpu_seconds(server.pid), time.perf_counter()
            time.sleep(3 * settle_seconds)
            used = (cpu_seconds(server.pid) - used_before) / (time.perf_counter() - started_at)
            return [
                name,
                f"{opened:,}",
                f"{each / _KIB:,.1f}",
                f"{in_kernel / _KIB:,.1f}",
                f"{_memory(server) / _KIB / _KIB:,.0f}",
                f"{used:.1%}",
            ]


def _memory(server: Target) -> int:
    """Bytes that its processes have for themselves, and their share of what they have in common."""
    return sum(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in family(server.pid))


def _kernel_memory() -> int:
    """Bytes that the kernel can't do without. Other work on the machine shows in it."""
    return _field(Path("/proc/meminfo"), "SUnreclaim:")


def _field(path: Path, name: str) -> int:
    """0 where the process is gone."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * _KIB for line in lines if line.startswith(name))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=20_000)
    parser.add_argument("--secured", type=int, default=2_000, help="connections with TLS")
    parser.add_argument("--peer-connections", type=int, default=200, help="to each other server")
    parser.add_argument("--settle", type=float, default=1.0, help="seconds until memory is looked at")
    add_peers_option(parser, RESTING)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
