"""Messages accepted in a second: Mail Manager, Postfix and smtp-sink side by side, in alternating rounds.

Rates of one machine in one minute say little; what counts is the ratio within a round, and of those
the median.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import _targets as targets
from benchmarks._measure import Load, Round, count_syncs, measure, median_ratio, run_load, table
from benchmarks._targets import Target

_WARM_UP_MESSAGES = 300
_SYNCED_MESSAGES = 1000
WAYS = {"new connection": False, "reused connection": True}


def main() -> None:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
    folder.chmod(0o755)  # Postfix's own user looks into its queue
    try:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(targets.ingress(folder / "mailmanager", processes=options.processes)),
                stack.enter_context(targets.postfix(folder / "postfix")),
                stack.enter_context(targets.smtp_sink(folder / "sink")),
            ]
            for way, is_reused in WAYS.items():
                print(
                    f"\n{way}, {options.size:,} bytes, {options.sessions} sessions, {options.rounds} rounds\n"
                )
                print(_compared(servers, options, is_reused))
            print("\nsyncs for each message\n")
            print(_synced(servers[:2], options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compared(servers: Sequence[Target], options: argparse.Namespace, is_reused: bool) -> str:
    loads = {server: _fitting_load(server, options, is_reused) for server in servers}
    rounds: dict[Target, list[Round]] = {server: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            rounds[server].append(measure(server.address, server.port, server.pid, loads[server]))
    ours = servers[0]
    return table(
        ["", "messages/s", "CPU ms/message", "we are faster by"],
        [
            [
                server.name,
                f"{median(one.rate for one in rounds[server]):.0f}",
                f"{median(one.cpu_seconds / one.messages for one in rounds[server]) * 1000:.3f}",
                "" if server is ours else f"{median_ratio(rounds[ours], rounds[server]):.2f}",
            ]
            for server in servers
        ],
    )


def _fitting_load(server: Target, options: argparse.Namespace, is_reused: bool) -> Load:
    """So many messages that a round takes about `--seconds`, found by a trial, which warms up too."""
    trial = Load(_WARM_UP_MESSAGES, options.sessions, options.size, is_reused)
    run_load(server.address, server.port, trial)
    rate = trial.messages / run_load(server.address, server.port, trial)
    messages = max(trial.messages, int(rate * options.seconds))
    return Load(messages, options.sessions, options.size, is_reused)


def _synced(servers: Sequence[Target], options: argparse.Namespace) -> str:
    rows = []
    for server in servers:
        cells = [server.name]
        for sessions in (options.sessions, 1):
            load = Load(_SYNCED_MESSAGES if sessions > 1 else 50, sessions, options.size, is_reused=True)
            syncs = count_syncs(server.address, server.port, server.pid, load)
            cells.append("(no strace)" if syncs is None else f"{syncs / load.messages:.2f}")
        rows.append(cells)
    return table(["", f"{options.sessions} sessions", "1 session"], rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round and target")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--size", type=int, default=10_240, help="bytes of a message")
    parser.add_argument("--processes", type=int, default=1, help="of Mail Manager's ingress")
    parser.add_argument("--dir", help="on the disk to be measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
