"""Messages accepted in a second: Mail Manager beside other mail servers, in alternating rounds.

Rates of one machine in one minute say little; what counts is the ratio within a round, and of those
the median. script/peers unpacks the peers that Debian can't install beside Postfix.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks._measure import Load, Round, count_syncs, fitting_load, measure, median_ratio, table
from benchmarks._peers import ACCEPTING, add_peers_option, started
from benchmarks._targets import Target, ingress

_WARM_UP_MESSAGES = 100
_SYNCED_MESSAGES = 500
WAYS = {"new": False, "reused": True}

Rounds = Mapping[Target, Sequence[Round]]


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
    folder.chmod(0o755)  # the other servers' own users look into it
    try:
        with ExitStack() as stack:
            ours = stack.enter_context(ingress(folder / "mailmanager", processes=options.processes))
            servers = [ours, *started(stack, folder, ACCEPTING, options.peers)]
            print(report(servers, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(servers: Sequence[Target], options: argparse.Namespace) -> str:
    """The first of them is ours."""
    title = (
        f"{options.size:,} bytes, {options.sessions} sessions, {options.rounds} rounds of "
        f"{options.seconds:g} s, {options.processes} process(es) of ours"
    )
    ways = [_compared(servers, options, is_reused) for is_reused in WAYS.values()]
    syncs = [_syncs(server, options) for server in servers]
    return f"\n{title}\n\n{_table(servers, ways, syncs, options)}"


def _compared(servers: Sequence[Target], options: argparse.Namespace, is_reused: bool) -> Rounds:
    trial = Load(_WARM_UP_MESSAGES, options.sessions, options.size, is_reused)
    loads = {one: fitting_load(one.address, one.port, trial, options.seconds) for one in servers}
    rounds: dict[Target, list[Round]] = {server: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            rounds[server].append(measure(server.address, server.port, server.pid, loads[server]))
    return rounds


def _syncs(server: Target, options: argparse.Namespace) -> list[str]:
    """For each message: under load, and with one session."""
    if server.syncs:
        return [server.syncs] * 2
    cells = []
    for sessions in (options.sessions, 1):
        load = Load(_SYNCED_MESSAGES if sessions > 1 else 50, sessions, options.size, is_reused=True)
        syncs = count_syncs(server.address, server.port, server.pid, load)
        cells.append("(no strace)" if syncs is None else f"{syncs / load.messages:.2f}")
    return cells


def _table(
    servers: Sequence[Target],
    ways: Sequence[Rounds],
    syncs: Sequence[Sequence[str]],
    options: argparse.Namespace,
) -> str:
    header = [""]
    for way in WAYS:
        header += [f"{way}: /s", "CPU ms", "ours to it"]
    header += [f"syncs, {options.sessions} sessions", "syncs, 1"]
    ours = servers[0]
    rows = []
    for server, synced in zip(servers, syncs, strict=True):
        row = [server.name]
        for rounds in ways:
            row += [
                f"{median(one.rate for one in rounds[server]):,.0f}",
                f"{median(one.cpu_seconds / one.messages for one in rounds[server]) * 1000:.3f}",
                "" if server is ours else f"{median_ratio(rounds[ours], rounds[server]):.2f}",
            ]
        rows.append([*row, *synced])
    return table(header, rows)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.2, help="of each round and server")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--size", type=int, default=10_240, help="bytes of a message")
    parser.add_argument("--processes", type=int, default=1, help="of Mail Manager's ingress")
    parser.add_argument("--dir", help="on the disk to be measured")
    add_peers_option(parser, ACCEPTING)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
