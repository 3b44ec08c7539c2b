"""Waiting for SQLite's write lock: for as long as settings say, looking often, and no longer."""

import sqlite3
import threading
import time

import pytest
from django.conf import settings
from django.db import OperationalError, connections, transaction

from mailflow.models import SpoolMessage
from tests.servers.sqlite import writing_again_and_again

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection():
    """Of the spool, open."""
    spool = connections[settings.SPOOL_ALIAS]
    if spool.vendor != "sqlite":
        pytest.skip("PostgreSQL has no such lock")
    spool.ensure_connection()
    return spool


def _busy_timeout(connection) -> int:
    ((milliseconds,),) = connection.connection.execute("PRAGMA busy_timeout")
    return milliseconds


def _another(connection) -> sqlite3.Connection:
    name = connection.settings_dict["NAME"]
    return sqlite3.connect(name, isolation_level=None, check_same_thread=False)


def test_a_transaction_waits_for_who_writes(connection):
    other = _another(connection)
    other.execute("BEGIN IMMEDIATE")
    ended: list[float] = []

    def end():
        ended.append(time.monotonic())
        other.execute("COMMIT")

    timer = threading.Timer(0.2, end)
    timer.start()
    with transaction.atomic(using=connection.alias):
        assert ended
        assert not SpoolMessage.objects.exists()
    timer.join()
    other.close()
    assert _busy_timeout(connection) == 30_000


def test_who_waits_has_its_turn_beside_one_that_writes_again_and_again(connection):
    """SQLite's own waiting sleeps longer each time, and finds one pause in ten by chance."""
    with writing_again_and_again(connection.settings_dict["NAME"]) as written:
        for _ in range(30):
            with transaction.atomic(using=connection.alias):
                assert connection.in_atomic_block
        meanwhile = written[0]
    # 0 to 4 of the other's for 30 of ours, where SQLite's own waiting gives it 30 to 120.
    assert meanwhile < 20


def test_who_waits_in_vain_is_told_and_the_connection_goes_on(connection, monkeypatch):
    monkeypatch.setitem(
        connection.settings_dict, "OPTIONS", {**connection.settings_dict["OPTIONS"], "timeout": 0.05}
    )
    other = _another(connection)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), transaction.atomic(using=connection.alias):
        pytest.fail("there is another that writes")
    other.execute("COMMIT")
    other.close()
    assert _busy_timeout(connection) == 50
    with transaction.atomic(using=connection.alias):
        assert not SpoolMessage.objects.exists()


def test_what_else_is_wrong_is_told_at_once(connection):
    connection.connection.execute("BEGIN")
    began_at = time.monotonic()
    with (
        pytest.raises(OperationalError, match="within a transaction"),
        transaction.atomic(using=connection.alias),
    ):
        pytest.fail("there is a transaction already")
    connection.connection.execute("ROLLBACK")
    assert time.monotonic() - began_at < 20  # of the 30 s that a lock is waited for
