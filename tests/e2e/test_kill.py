"""Each message that got its 250 is delivered, whichever process is killed meanwhile; counted."""

import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.desk import open_desk
from tests.e2e.load import Load, steady_load
from tests.e2e.product import PATIENCE_SECONDS, Product
from tests.rulesets.documents import bucket, mailbox, recipient, rule
from tests.servers.process import wait_until
from tests.servers.system import running_system

# The databases are this module's own choice, whatever the run of the tests works on.
pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("system")]

MESSAGES_PER_SECOND = 300
ENVIRONMENT = {"MAILMANAGER_LEASE_SECONDS": "8"}  # so long the work of a killed worker waits
_EMPTY_SECONDS = 300.0
_MESSAGE_ID = re.compile(rb"^Message-ID: (<[^>]+>)", re.MULTILINE)


def test_every_250_is_kept_over_four_kills_on_sqlite():
    with running_system(environment=ENVIRONMENT) as system:
        _kill_under_load(system, ["ingress", "worker"] * 2)


def test_every_250_is_kept_over_two_kills_on_postgresql(postgres):
    with running_system(database_url=postgres, environment=ENVIRONMENT) as system:
        _kill_under_load(system, ["ingress", "worker"])


def _kill_under_load(system, victims):
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
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    chance.shuffle(victims)
    folders = [system.data_dir / "mailboxes" / "even" / "new", system.data_dir / "buckets" / "odd"]
    with steady_load(endpoint, per_second=MESSAGES_PER_SECOND) as load:
        _goes_on(load, folders)
        for name in victims:
            _kill_at_random(system.process(name), chance)
            _goes_on(load, folders)
    product.wait_until_spool_is_empty(_EMPTY_SECONDS)

    delivered = Counter(_message_ids(folders))
    duplicates = {message_id: count - 1 for message_id, count in delivered.items() if count > 1}
    accepted = {sent.message_id for sent in load.accepted}
    print(
        f"seed {seed}, killed {', '.join(victims)}: {len(load.messages)} sent in {load.seconds:.1f} s,"
        f" {len(accepted)} got 250, {len(delivered)} delivered, {sum(duplicates.values())} duplicates"
        f" of {load.interruptions} in flight at a kill"
    )
    assert load.unexpected == []
    assert len(accepted) == len(load.messages)  # the sender goes on until it has a 250
    assert accepted - delivered.keys() == set(), "lost"
    assert delivered.keys() - accepted == set(), "from nowhere"
    may_be_double = {sent.message_id: sent.interruptions for sent in load.messages}
    assert all(count <= may_be_double[message_id] for message_id, count in duplicates.items())
    # And the trace has come to the end of each story.
    outcomes = dict(system.rows("SELECT id, outcome FROM mailflow_messagetrace"))
    assert Counter(outcomes.get(sent.accepted_as) for sent in load.accepted) == {"DELIVERED": len(accepted)}


def _kill_at_random(process, chance) -> None:
    wait_until(lambda: process.state == "RUNNING", f"{process.name} runs", timeout_seconds=PATIENCE_SECONDS)
    former_pid = process.pid
    time.sleep(chance.uniform(0.5, 2.5))
    process.kill()
    process.wait_until_restarted(former_pid)


def _goes_on(load: Load, folders: list[Path]) -> None:
    """Until some hundred messages more are accepted, and some more delivered."""
    accepted, delivered = len(load.accepted), len(_files(folders))
    wait_until(
        lambda: len(load.accepted) >= accepted + 300 and len(_files(folders)) >= delivered + 50,
        "mail is accepted and delivered again",
        timeout_seconds=PATIENCE_SECONDS * 2,
    )


def _files(folders: list[Path]) -> list[Path]:
    return [
        folder / name
        for folder in folders
        if folder.is_dir()
        for name in os.listdir(folder)
        if not name.startswith(".")
    ]


def _message_ids(folders: list[Path]) -> list[str]:
    found = (_MESSAGE_ID.search(path.read_bytes()) for path in _files(folders))
    return [match[1].decode() for match in found if match]
