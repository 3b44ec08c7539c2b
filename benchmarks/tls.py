"""STARTTLS sessions in a second: Mail Manager beside other mail servers, in alternating rounds, with full
handshakes and with TLS sessions that are resumed.

All show the same certificate (ECDSA P-256) and agree on TLS 1.3. As in `accept`, what counts is the
ratio within a round, and of those the median.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median

from benchmarks._certificate import make_certificate
from benchmarks._measure import Round, cpu_seconds, median_ratio, table
from benchmarks._peers import add_peers_option, securing, started
from benchmarks._targets import Target, ingress
from benchmarks._tls_load import Done, TlsLoad, clients, run

_WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class TlsRound:
    server: Round
    client: Done


Rounds = Mapping[Target, Sequence[TlsRound]]


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # the other servers' own users look into it
    certificate = make_certificate(folder)
    peers = securing(certificate)
    try:
        with ExitStack() as stack:
            pool = stack.enter_context(clients(options.sessions))
            servers = [
                stack.enter_context(
                    ingress(folder / "mailmanager", processes=options.processes, certificate=certificate)
                ),
                *started(stack, folder, peers, options.peers),
            ]
            print(report(pool, servers, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(pool: Pool, servers: Sequence[Target], options: argparse.Namespace) -> str:
    """The first of them is ours; `pool`: of the clients."""
    message = f", a message of {options.size:,} bytes in each" if options.size else ""
    title = f"{options.sessions} sessions, {options.rounds} rounds of {options.seconds:g} s{message}"
    ways = [_compared(pool, servers, options, is_resumed) for is_resumed in (False, True)]
    return f"\n{title}\n\n{_table(servers, ways)}"


def _compared(pool: Pool, servers: Sequence[Target], options: argparse.Namespace, is_resumed: bool) -> Rounds:
    content = b"Subject: bench\r\n\r\n" + (b"X" * 78 + b"\r\n") * (options.size // 80) + b".\r\n"
    rounds: dict[Target, list[TlsRound]] = {server: [] for server in servers}
    for number in range(options.rounds + 1):
        for server in servers:
            load = TlsLoad(
                server.address,
                server.port,
                options.seconds if number else _WARM_UP_SECONDS,
                is_resumed,
                content if options.size else b"",
            )
            before = cpu_seconds(server.pid)
            done = run(pool, options.sessions, load)
            if number:
                used = cpu_seconds(server.pid) - before
                rounds[server].append(TlsRound(Round(done.sessions, done.seconds, used), done))
    return rounds


def _table(servers: Sequence[Target], ways: Sequence[Rounds]) -> str:
    header = [""]
    for way in ("full", "resumed"):
        header += [f"{way}: /s", "CPU ms", "client's", "ours to it", "for each CPU second"]
    header.append("resumed of these")
    ours = servers[0]
    rows = []
    for server in servers:
        row = [server.name]
        for rounds in ways:
            of_servers = {one: [part.server for part in rounds[one]] for one in (ours, server)}
            of_client = [one.client for one in rounds[server]]
            row += [
                f"{median(one.rate for one in of_servers[server]):,.0f}",
                f"{median(one.cpu_seconds / one.messages for one in of_servers[server]) * 1000:.2f}",
                f"{median(one.cpu_seconds / one.sessions for one in of_client) * 1000:.2f}",
                *(_ratios(of_servers[ours], of_servers[server]) if server is not ours else ("", "")),
            ]
        resumed = ways[1][server]
        share = sum(one.client.resumed for one in resumed) / sum(one.client.sessions for one in resumed)
        rows.append([*row, f"{share:.0%}"])
    return table(header, rows)


def _ratios(mine: Sequence[Round], theirs: Sequence[Round]) -> tuple[str, str]:
    """Of the rates, and of the sessions for each CPU second of the server; the client adds nothing to it."""
    costs = [
        (b.cpu_seconds / b.messages) / (a.cpu_seconds / a.messages) for a, b in zip(mine, theirs, strict=True)
    ]
    return f"{median_ratio(mine, theirs):.2f}", f"{median(costs):.2f}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round and server")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--size", type=int, default=0, help="bytes of a message in each session (0: none)")
    parser.add_argument("--processes", type=int, default=1, help="of Mail Manager's ingress")
    add_peers_option(parser, securing(None))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
