"""`kill -9` of parts of the running product at random moments under load, and a count of every message.

The product runs under its own supervisor, on a data directory, addresses and (for PostgreSQL) a cluster of
its own, that syncs what it commits. Senders go on as mail servers do: what has no 250 is sent again.
"""

import argparse
import signal
import sys
from itertools import cycle, islice
from pathlib import Path

from tests.e2e.kills import ENVIRONMENT, Outcome, kill_under_load
from tests.servers.postgres import postgres
from tests.servers.system import running_system


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing that was started is left behind
    outcome = _on_postgresql(options) if options.database == "postgresql" else _on_sqlite(options)
    print(f"{options.database}: {outcome}")
    sys.exit(bool(outcome.missing or outcome.strange or outcome.excess or outcome.unexpected))


def _on_sqlite(options: argparse.Namespace) -> Outcome:
    with running_system(environment=ENVIRONMENT, within=options.dir) as system:
        victims = list(islice(cycle(["ingress", "worker", "redis"]), options.kills))
        return kill_under_load(system, victims, per_second=options.rate, seed=options.seed)


def _on_postgresql(options: argparse.Namespace) -> Outcome:
    with (
        postgres(is_durable=True, within=options.dir) as cluster,
        running_system(database_url=cluster.url, environment=ENVIRONMENT, within=options.dir) as system,
    ):
        victims = list(islice(cycle(["ingress", "postgresql", "worker", "redis"]), options.kills))
        return kill_under_load(system, victims, per_second=options.rate, seed=options.seed, postgres=cluster)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rate", type=float, default=100, help="messages a second")
    parser.add_argument("--seed", type=int, help="of the moments and the order, to repeat a run")
    parser.add_argument("--dir", type=Path, help="on the disk to be used")
    return parser.parse_args()


if __name__ == "__main__":
    main()
