"""Acceptance: group commit, and what happens to whom when the database does not want."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from django.conf import settings
from django.db import connections

from core import reply
from core.envelope import Envelope
from core.errors import MailError
from mailflow import spool_transaction
from mailflow.models import SpoolContent, SpoolMessage
from mailflow.spool import Spool
from tests.mailflow.letters import envelope, letter
from tests.servers.process import Process
from tests.servers.sqlite import writing_again_and_again
from tests.servers.worker import REPOSITORY, product_environment

pytestmark = pytest.mark.django_db(transaction=True)


def run_with_spool(scenario):
    """`await scenario(spool)` on an event loop of its own."""

    async def run():
        spool = Spool()
        await spool.start()
        try:
            return await scenario(spool)
        finally:
            await spool.close()

    return asyncio.run(run())


def _batches(spool) -> list[int]:
    """Sizes of the transactions since the last call, in order."""
    return [commit.messages for commit in spool.take_commits()]


def test_a_stored_message_is_in_the_spool_as_it_came():
    accepted, content = envelope("bob@inside.example", "eve@inside.example"), letter() + b"\x00\xff8-bit\r\n"
    run_with_spool(lambda spool: spool.store(accepted, content))
    row = SpoolMessage.objects.select_related("body").get()
    assert Envelope.from_document(row.envelope) == accepted
    assert bytes(row.body.content) == content
    assert (row.id, row.size_bytes, row.planned_at) == (accepted.message_id, len(content), None)


def test_messages_that_wait_together_share_a_transaction():
    async def scenario(spool):
        await asyncio.gather(*(spool.store(envelope(), letter()) for _ in range(200)))
        return _batches(spool)

    transactions = run_with_spool(scenario)
    assert SpoolMessage.objects.count() == 200
    assert len(transactions) <= 2


def test_fifty_sessions_in_a_row_take_few_transactions():
    async def session(spool):
        for _ in range(10):
            await spool.store(envelope(), letter(size_bytes=10_000))

    async def scenario(spool):
        await asyncio.gather(*(session(spool) for _ in range(50)))
        return _batches(spool)

    transactions = run_with_spool(scenario)
    assert sum(transactions) == 500
    assert len(transactions) <= 50  # a tenth of a synced write for each message (issue 5)


def test_a_lone_message_is_written_alone():
    async def scenario(spool):
        for _ in range(3):
            await spool.store(envelope(), letter())
        return _batches(spool)

    assert run_with_spool(scenario) == [1, 1, 1]


def test_one_bad_message_does_not_take_its_companions_with_it():
    bad = envelope(helo=b"not text")  # JSON has no bytes

    async def scenario(spool):
        good = [spool.store(envelope(), letter()) for _ in range(5)]
        return await asyncio.gather(*good[:2], spool.store(bad, letter()), *good[2:], return_exceptions=True)

    results = run_with_spool(scenario)
    assert [type(result) for result in results] == [type(None)] * 2 + [MailError] + [type(None)] * 3
    assert results[2].reply == reply.SPOOL_FAILED
    assert SpoolMessage.objects.count() == 5


def test_a_message_written_twice_is_there_once():
    accepted = envelope()

    async def scenario(spool):
        await asyncio.gather(*(spool.store(accepted, letter()) for _ in range(2)))

    run_with_spool(scenario)
    assert SpoolMessage.objects.count() == SpoolContent.objects.count() == 1


def test_a_connection_that_broke_is_made_anew():
    async def scenario(spool):
        await spool.store(envelope(), letter())
        await asyncio.to_thread(_break_connections)
        await spool.store(envelope(), letter())

    with structlog.testing.capture_logs() as logs:
        run_with_spool(scenario)
    assert SpoolMessage.objects.count() == 2
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == []


def _break_connections():
    connection = connections[settings.SPOOL_ALIAS]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    connection.close()


def test_what_waits_is_written_before_close_returns():
    async def scenario():
        spool = Spool()
        await spool.start()
        stores = [asyncio.create_task(spool.store(envelope(), letter())) for _ in range(20)]
        await asyncio.sleep(0)
        await spool.close()
        await asyncio.gather(*stores)
        with pytest.raises(MailError) as refused:
            await spool.store(envelope(), letter())
        assert refused.value.reply == reply.SPOOL_FAILED

    asyncio.run(scenario())
    assert SpoolMessage.objects.count() == 20


def test_a_cancelled_session_does_not_hurt_the_others():
    async def scenario(spool):
        leaving = asyncio.create_task(spool.store(envelope(), letter()))
        staying = asyncio.create_task(spool.store(envelope(), letter()))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying

    run_with_spool(scenario)
    assert SpoolMessage.objects.count() == 2


def test_mail_is_refused_while_the_disk_is_nearly_full(settings):
    settings.SPOOL_LEAST_FREE_BYTES = 1 << 60
    if settings.SPOOL_ALIAS == "default":
        pytest.skip("PostgreSQL's disk is not ours to look at")

    async def scenario(spool):
        with pytest.raises(MailError) as refused:
            await spool.store(envelope(), letter())
        return refused.value.reply

    assert run_with_spool(scenario) == reply.STORAGE_FULL
    assert not SpoolMessage.objects.exists()


def test_a_full_database_refuses_what_does_not_fit_and_nothing_else(monkeypatch):
    if settings.SPOOL_ALIAS == "default":
        pytest.skip("max_page_count is SQLite's")
    _limit_growth(monkeypatch, size_bytes=400_000)

    async def scenario(spool):
        large = spool.store(envelope(), letter(size_bytes=1_000_000))
        small = [spool.store(envelope(), letter()) for _ in range(5)]
        return await asyncio.gather(*small[:3], large, *small[3:], return_exceptions=True)

    results = run_with_spool(scenario)
    refused = [result for result in results if result is not None]
    assert [error.reply for error in refused] == [reply.STORAGE_FULL]
    assert results[3] is refused[0]
    assert SpoolMessage.objects.count() == SpoolContent.objects.count() == 5


def _limit_growth(monkeypatch, *, size_bytes):
    """The database may grow by so much, in the eyes of connections made from now on."""
    with connections[settings.SPOOL_ALIAS].cursor() as cursor:
        cursor.execute("VACUUM")  # room that earlier tests left would not be growth
        pages, page_bytes = (
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
        )
    options = connections.settings[settings.SPOOL_ALIAS]["OPTIONS"]
    limit = f" PRAGMA max_page_count={pages + size_bytes // page_bytes};"
    monkeypatch.setitem(options, "init_command", options["init_command"] + limit)


# --- two at the same database ---------------------------------------------------------------------


@contextmanager
def _another_writer():
    """Holds SQLite's write lock, as another process would."""
    if settings.SPOOL_ALIAS == "default":
        pytest.skip("PostgreSQL has no such lock")
    other = sqlite3.connect(connections[settings.SPOOL_ALIAS].settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


@pytest.mark.parametrize("held_seconds", [0.005, 0.3])
def test_what_waits_for_another_writer_is_gathered(held_seconds):
    """For a moment by the loop, and for longer by the writer's thread."""

    async def scenario(spool):
        await spool.store(envelope(), letter())
        with _another_writer():
            stores = [asyncio.create_task(spool.store(envelope(), letter()))]
            await asyncio.sleep(0.002)
            stores += [asyncio.create_task(spool.store(envelope(), letter())) for _ in range(5)]
            await asyncio.sleep(held_seconds)
            assert not any(store.done() for store in stores)
        await asyncio.gather(*stores)
        return _batches(spool)

    assert run_with_spool(scenario) == [1, 6]
    assert SpoolMessage.objects.count() == SpoolContent.objects.count() == 7


def test_the_loop_goes_on_while_another_writes():
    async def scenario(spool):
        with _another_writer():
            store = asyncio.create_task(spool.store(envelope(), letter()))
            for _ in range(100):
                await asyncio.sleep(0.001)
            assert not store.done()
        await store

    began_at = time.monotonic()
    run_with_spool(scenario)
    # One wait for the lock on the loop would be 30 s (settings: timeout).
    assert time.monotonic() - began_at < 25


def test_a_batch_of_the_thread_s_has_its_turn_too():
    """Beside one that writes again and again."""
    if settings.SPOOL_ALIAS == "default":
        pytest.skip("PostgreSQL has no such lock")

    async def scenario(spool):
        await spool.store(envelope(), letter())
        with writing_again_and_again(connections[settings.SPOOL_ALIAS].settings_dict["NAME"]) as written:
            for _ in range(40):
                await spool.store(envelope(), letter(size_bytes=spool_transaction._MAX_EARLY_BYTES))
            return written[0]

    # 3 to 10 of the other's for 20 of ours, where SQLite's own waiting gives it 6 to 105.
    assert run_with_spool(scenario) < 60
    assert SpoolMessage.objects.count() == 41


def test_batches_too_large_for_the_loop_are_the_thread_s(monkeypatch):
    filled = []
    fill = spool_transaction.EarlyTransaction.fill

    def noting(self, entries):
        filled.append((len(entries), fill(self, entries)))
        return filled[-1][1]

    monkeypatch.setattr(spool_transaction.EarlyTransaction, "fill", noting)

    async def scenario(spool):
        await spool.store(envelope(), letter())  # the thread's connection may still be under way
        filled.clear()
        await spool.store(envelope(), letter())
        await asyncio.gather(*(spool.store(envelope(), letter()) for _ in range(300)))
        await asyncio.gather(*(spool.store(envelope(), letter(size_bytes=400_000)) for _ in range(5)))
        await spool.store(envelope(), letter())

    run_with_spool(scenario)
    is_sqlite = settings.SPOOL_ALIAS != "default"
    assert filled == [(1, is_sqlite), (300, False), (5, False), (1, is_sqlite)]
    assert SpoolMessage.objects.count() == SpoolContent.objects.count() == 308


# --- a disk that refuses --------------------------------------------------------------------------

_LIMITED = """
import asyncio, resource
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.db import connections
from core.errors import MailError
from mailflow.spool import Spool
from tests.mailflow.letters import envelope, letter

async def main():
    spool = Spool()
    await spool.start()
    async def store(what):
        accepted = envelope()
        try:
            await spool.store(accepted, letter(size_bytes=10_000))
            print("stored", what, accepted.message_id, flush=True)
        except MailError as error:
            print("refused", what, error.reply.code, flush=True)
    def empty_log():  # what it holds already would be written over, with no need to grow
        with connections[settings.SPOOL_ALIAS].cursor() as cursor:
            assert cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    await asyncio.to_thread(empty_log)
    await store("before")
    log = Path(connections[settings.SPOOL_ALIAS].settings_dict["NAME"] + "-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 100_000, resource.RLIM_INFINITY))
    await asyncio.gather(*(store("meanwhile") for _ in range(40)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await asyncio.gather(*(store("after") for _ in range(40)))
    await spool.close()

asyncio.run(main())
"""


def test_a_commit_that_the_disk_refuses_takes_nothing_with_it():
    """The write-ahead log can't grow, which is seen at COMMIT: what has a place is stored, and when there is
    room again all is."""
    if settings.SPOOL_ALIAS == "default":
        pytest.skip("PostgreSQL's disk is not ours to limit")
    acceptor = subprocess.run(
        [sys.executable, "-c", _LIMITED],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **product_environment()},
        cwd=REPOSITORY,
        timeout=60,
    )
    told = [line.split() for line in acceptor.stdout.splitlines() if line.startswith(("stored", "refused"))]
    answers = Counter((answer, what) for answer, what, _ in told)
    assert answers["stored", "before"] == 1
    assert answers["stored", "after"] == 40
    assert answers["refused", "meanwhile"] > 20
    assert answers["stored", "meanwhile"] + answers["refused", "meanwhile"] == 40
    assert {code for answer, _, code in told if answer == "refused"} == {"451"}
    stored = {message_id for answer, _, message_id in told if answer == "stored"}
    assert stored == set(SpoolMessage.objects.values_list("id", flat=True))
    assert stored == set(SpoolContent.objects.values_list("message_id", flat=True))


# --- kill -9 --------------------------------------------------------------------------------------

_ACCEPTOR = """
import asyncio, sys
import django
django.setup()
from mailflow.spool import Spool
from tests.mailflow.letters import envelope, letter

async def session(spool):
    while True:
        accepted = envelope()
        await spool.store(accepted, letter(size_bytes=5_000))
        sys.stdout.write(accepted.message_id + "\\n")
        sys.stdout.flush()

async def main():
    spool = Spool()
    await spool.start()
    await asyncio.gather(*(session(spool) for _ in range(20)))

asyncio.run(main())
"""


@pytest.mark.parametrize("after_lines", [1, 40, 400])
def test_whatever_was_acknowledged_survives_a_killed_process(tmp_path: Path, after_lines: int):
    acceptor = Process(
        [sys.executable, "-c", _ACCEPTOR],
        log=tmp_path / "acceptor.log",
        env=product_environment(),
        cwd=REPOSITORY,
    )
    try:
        acceptor.wait_until(lambda: acceptor.output.count("\n") >= after_lines, "messages acknowledged")
    finally:
        acceptor.kill()
    acknowledged = {line for line in acceptor.output.splitlines() if len(line) == 40}
    assert len(acknowledged) >= after_lines - 1
    stored = set(SpoolMessage.objects.values_list("id", flat=True))
    assert acknowledged <= stored
    assert set(SpoolContent.objects.values_list("message_id", flat=True)) == stored
    assert acceptor.exit_code == -signal.SIGKILL
