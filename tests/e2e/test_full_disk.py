"""A disk that is full in earnest, with everything of the product on it: no 250 is lost, and mail goes on."""

import os

import pytest

from tests.e2e.desk import open_desk
from tests.e2e.load import Load, count_message_ids, steady_load
from tests.e2e.product import PATIENCE_SECONDS, Product, message_id_in
from tests.rulesets.documents import mailbox, rule
from tests.servers.disk import Disk, small_disk
from tests.servers.postgres import postgres
from tests.servers.process import wait_until
from tests.servers.system import System, running_system

pytestmark = pytest.mark.timeout(600)

_MEGABYTE = 1024 * 1024
_LEAST_FREE_BYTES = 8 * _MEGABYTE
_DISK_BYTES = 192 * _MEGABYTE
_POSTGRESQL_DISK_BYTES = 256 * _MEGABYTE
_PER_SECOND = 100
_EMPTY_SECONDS = 240.0
# What could not be delivered for want of room is tried again soon.
_ENVIRONMENT = {
    "MAILMANAGER_RETRY_FIRST_SECONDS": "2",
    "MAILMANAGER_RETRY_LONGEST_SECONDS": "2",
    "MAILMANAGER_LEASE_SECONDS": "8",
}


def test_a_full_disk_costs_no_message_that_got_its_250():
    with small_disk(_DISK_BYTES) as disk:
        settings_file = disk.folder / "settings"
        settings_file.write_text(f"MAILMANAGER_SPOOL_LEAST_FREE_BYTES={_LEAST_FREE_BYTES}\n")
        environment = {**_ENVIRONMENT, "MAILMANAGER_ENV_FILE": str(settings_file)}
        with (
            running_system(environment=environment, within=disk.folder) as system,
            open_desk(system.environment) as desk,
        ):
            product = Product(system, desk)
            endpoint = product.endpoint("load", [rule(mailbox(product.mailbox("inbox-of-load")))])
            with steady_load(endpoint, per_second=_PER_SECOND) as load:
                # First seen by the free space that is left, then only when a write fails (ENOSPC).
                _until_full_and_on(disk, load, system, left_bytes=_LEAST_FREE_BYTES + _MEGABYTE)
                assert set(load.replies) == {"452 4.3.1"}
                settings_file.write_text("MAILMANAGER_SPOOL_LEAST_FREE_BYTES=0\n")
                system.ask_supervisor("signalProcess", "ingress", "HUP")
                wait_until(lambda: '"ingress_stopped"' in system.output, "settings are read again")
                _until_full_and_on(disk, load, system, left_bytes=2 * _MEGABYTE)
            product.wait_until_spool_is_empty(_EMPTY_SECONDS)
            print(f"{len(load.accepted)} got 250; other replies: {dict(load.replies)}")
            assert "spool_disk_nearly_full" not in system.output.rpartition('"ingress_stopped"')[2]
            assert set(load.replies) <= {"452 4.3.1", "451 4.3.0", "421 4.3.2"}
            assert load.unexpected == []
            assert len(load.accepted) == len(load.messages)
            _each_arrived(product, load.accepted)
            seen = message_id_in(system.manage("sendtest"))
            wait_until(lambda: seen in system.output, "the log tells of the next message")


@pytest.mark.skipif("TRIALS" not in os.environ, reason="a minute more: TRIALS=1 has it run")
def test_postgresql_on_a_full_disk_costs_no_message_either():
    with (
        small_disk(_POSTGRESQL_DISK_BYTES) as disk,
        postgres(within=disk.folder, is_durable=True) as cluster,
        running_system(database_url=cluster.url, environment=_ENVIRONMENT) as system,
        open_desk(system.environment) as desk,
    ):
        product = Product(system, desk)
        endpoint = product.endpoint("load", [rule(mailbox(product.mailbox("inbox-of-load")))])
        with steady_load(endpoint, per_second=_PER_SECOND) as load:
            wait_until(lambda: len(load.accepted) >= 100, "mail flows", timeout_seconds=PATIENCE_SECONDS)
            disk.fill(but_bytes=2 * _MEGABYTE)
            wait_until(
                lambda: load.replies.total() >= 20, "the disk is full", timeout_seconds=2 * PATIENCE_SECONDS
            )
            disk.make_room()
            if not cluster.is_running:  # without room for its log it gives up, and has to be started again
                cluster.start()
            before = len(load.accepted)
            wait_until(
                lambda: len(load.accepted) >= before + 100,
                "mail flows again",
                timeout_seconds=PATIENCE_SECONDS,
            )
        product.wait_until_spool_is_empty(_EMPTY_SECONDS)
        print(f"{len(load.accepted)} got 250; other replies: {dict(load.replies)}")
        assert load.unexpected == []
        assert set(load.replies) <= {"452 4.3.1", "451 4.3.0"}
        assert len(load.accepted) == len(load.messages)
        _each_arrived(product, load.accepted)


def _until_full_and_on(disk: Disk, load: Load, system: System, *, left_bytes: int) -> None:
    """Mail comes in until the disk is full, and goes on when there is room; nothing dies of it."""
    before = len(load.accepted)
    wait_until(lambda: len(load.accepted) >= before + 100, "mail flows", timeout_seconds=PATIENCE_SECONDS)
    pids, refused = _pids(system), load.replies.total()
    disk.fill(but_bytes=left_bytes)
    wait_until(
        lambda: load.replies.total() >= refused + 20, "the disk is full", timeout_seconds=2 * PATIENCE_SECONDS
    )
    disk.make_room()
    before = len(load.accepted)
    wait_until(
        lambda: len(load.accepted) >= before + 100, "mail flows again", timeout_seconds=PATIENCE_SECONDS
    )
    assert _pids(system) == pids


def _pids(system: System) -> dict[str, int]:
    names = ("redis", "control", "worker", "beat", "web", "dns", "ingress")
    return {name: system.process(name).pid for name in names}


def _each_arrived(product: Product, accepted) -> None:
    """Once, or once more for each time that it was sent without hearing what became of it."""
    stored = count_message_ids(product.stored("inbox-of-load"))
    for sent in accepted:
        assert 1 <= stored[sent.message_id] <= 1 + sent.interruptions, sent
