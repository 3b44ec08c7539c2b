"""Parts of the running product are killed under load, at random moments; then every message is counted."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.desk import open_desk
from tests.e2e.load import Load, count_message_ids, steady_load
from tests.e2e.product import PATIENCE_SECONDS, Product
from tests.rulesets.documents import bucket, mailbox, recipient, rule
from tests.servers.postgres import Postgres
from tests.servers.process import wait_until
from tests.servers.system import System

# So long the work of a killed worker waits; two workers of the ingress, so that one can die alone.
ENVIRONMENT = {"MAILMANAGER_LEASE_SECONDS": "8", "MAILMANAGER_INGRESS_PROCESSES": "2"}
_EMPTY_SECONDS = 300.0
_MORE_ACCEPTED, _MORE_DELIVERED = 100, 20  # until the next one is killed


@dataclass(frozen=True)
class Outcome:
    """`missing`: had their 250, and are nowhere; `strange`: delivered, though none of them was accepted;
    `twice`: how often each was delivered once more, and `excess`: those of it that nothing in flight explains."""

    seed: int
    killed: Sequence[str]
    seconds: float
    sent: int
    accepted: int
    delivered: int
    in_flight: int
    missing: set[str]
    strange: set[str]
    twice: Counter[str]
    excess: Counter[str]
    refusals: Counter[str]
    unexpected: Sequence[str]
    outcomes: Counter[str | None]

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(Counter(self.killed).items()))
        refusals = ", ".join(f"{reply} {count}" for reply, count in sorted(self.refusals.items()))
        return (
            f"seed {self.seed}, {len(self.killed)} kills ({killed}) in {self.seconds:.0f} s: {self.sent} messages"
            f" sent, {self.accepted} got 250, {self.delivered} delivered, {len(self.missing)} missing,"
            f" {sum(self.twice.values())} delivered twice of {self.in_flight} in flight,"
            f" {sum(self.excess.values())} of them without a reason; replies other than 250: {refusals or 'none'}"
        )


def kill_under_load(
    system: System,
    victims: Sequence[str],
    *,
    per_second: float,
    seed: int | None = None,
    postgres: Postgres | None = None,
) -> Outcome:
    """Each of `victims` in random order: "ingress" (all of it, its parent, or one worker), "worker",
    "redis", or "postgresql", which nobody but us starts again."""
    seed = random.randrange(10**6) if seed is None else seed
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    order = chance.sample(victims, len(victims))
    with open_desk(system.environment) as desk:
        product = Product(system, desk)
        product.mailbox("even")
        desk.call("destinations.create_bucket", name="odd")
        endpoint = product.endpoint(
            "load",
            [
                rule(mailbox("even"), when=recipient("r0@load.example.com")),
                rule(bucket("odd"), when=recipient("r1@load.example.com")),
            ],
        )
    folders = [system.data_dir / "mailboxes" / "even" / "new", system.data_dir / "buckets" / "odd"]
    with steady_load(endpoint, per_second=per_second) as load:
        _goes_on(load, folders)
        for number, name in enumerate(order, 1):
            how = _kill_at_random(system, name, chance, postgres)
            print(f"kill {number}: {name} ({how}), {len(load.accepted)} accepted so far", flush=True)
            _goes_on(load, folders)
    product.wait_until_spool_is_empty(_EMPTY_SECONDS)
    return _outcome(system, load, folders, seed, order)


def _kill_at_random(system: System, name: str, chance: random.Random, postgres: Postgres | None) -> str:
    """What of it was killed; returns when it has been started again."""
    if name == "postgresql":
        assert postgres is not None, "there is no PostgreSQL to be killed"
        time.sleep(chance.uniform(0.1, 1.5))
        postgres.kill()
        time.sleep(chance.uniform(0.0, 1.5))
        postgres.start()
        return "all"
    process = system.process(name)
    wait_until(lambda: process.state == "RUNNING", f"{name} runs", timeout_seconds=PATIENCE_SECONDS)
    former_pid = process.pid
    time.sleep(chance.uniform(0.1, 1.5))
    how = chance.choice(["all", "parent", "a worker"]) if name == "ingress" else "all"
    if how == "a worker":
        os.kill(chance.choice(_children(former_pid)), signal.SIGKILL)
        return how
    if how == "parent":
        os.kill(former_pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait_until_restarted(former_pid)
    return how


def _children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], check=True, capture_output=True, text=True
    )
    return sorted(map(int, listed.stdout.split()))


def _goes_on(load: Load, folders: Sequence[Path]) -> None:
    """Until some messages more are accepted, and some more delivered."""
    accepted, delivered = len(load.accepted), _count(folders)
    wait_until(
        lambda: (
            len(load.accepted) >= accepted + _MORE_ACCEPTED and _count(folders) >= delivered + _MORE_DELIVERED
        ),
        "mail is accepted and delivered again",
        timeout_seconds=PATIENCE_SECONDS * 2,
        poll_seconds=0.25,
    )


def _outcome(
    system: System, load: Load, folders: Sequence[Path], seed: int, killed: Sequence[str]
) -> Outcome:
    delivered = count_message_ids(path.read_bytes() for path in _files(folders))
    accepted = {sent.message_id for sent in load.accepted}
    twice = Counter({message_id: count - 1 for message_id, count in delivered.items() if count > 1})
    in_flight = Counter({sent.message_id: sent.interruptions for sent in load.messages})
    outcomes = dict(system.rows("SELECT id, outcome FROM mailflow_messagetrace"))
    return Outcome(
        seed=seed,
        killed=killed,
        seconds=load.seconds,
        sent=len(load.messages),
        accepted=len(accepted),
        delivered=len(delivered),
        in_flight=sum(in_flight.values()),
        missing=accepted - delivered.keys(),
        strange=delivered.keys() - accepted,
        twice=twice,
        excess=twice - in_flight,
        refusals=load.replies,
        unexpected=load.unexpected,
        outcomes=Counter(outcomes.get(sent.accepted_as) for sent in load.accepted),
    )


def _files(folders: Sequence[Path]) -> list[Path]:
    return [
        folder / name
        for folder in folders
        if folder.is_dir()
        for name in os.listdir(folder)
        if not name.startswith(".")
    ]


def _count(folders: Sequence[Path]) -> int:
    return sum(len(os.listdir(folder)) for folder in folders if folder.is_dir())
