"""Workers as processes: told by a notice, killed in the middle, stopped politely."""

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

import kombu.pools
import pytest
from celery import current_app

from core.identifiers import random_text
from destinations import services as destinations
from mailflow import pipeline, tasks
from mailflow.models import MessageTrace, SpoolMessage, TraceEvent
from mailflow.spool import Spool
from tests.mailflow.conftest import BUCKET, MAILBOX, rule
from tests.mailflow.letters import envelope, letter
from tests.servers.process import Process, wait_until
from tests.servers.worker import REPOSITORY, celery_worker, product_environment

pytestmark = pytest.mark.django_db(transaction=True)

_WORKER = """
import sys
from pathlib import Path
import django
django.setup()
from mailflow import pipeline, tasks
from tests.mailflow.runners import FileRunner
runner = FileRunner(Path(sys.argv[1]), seconds=float(sys.argv[2]))
print("begun", flush=True)
pipeline.drain({"WriteToS3": runner.run}, seconds=60)
print("done", flush=True)
"""


def start_worker(folder: Path, log: Path, *, seconds: float) -> Process:
    return Process(
        [sys.executable, "-c", _WORKER, str(folder), str(seconds)],
        log=log,
        env={**product_environment(), "MAILMANAGER_LEASE_SECONDS": "2"},
        cwd=REPOSITORY,
    )


@pytest.mark.parametrize("finished_before", [0, 60, 150])
def test_a_killed_worker_loses_nothing_and_what_was_written_down_is_not_repeated(
    make_rule_set, spooled, runner, tmp_path, finished_before
):
    rule_set = make_rule_set(rule(BUCKET))
    recipients = [f"user{number}@inside.example" for number in range(300)]
    for recipient in recipients:
        spooled(rule_set, recipient)
    worker = start_worker(runner.folder, tmp_path / "worker.log", seconds=0.05)
    try:
        worker.wait_until(lambda: "begun" in worker.output, "worker begun")
        worker.wait_until(lambda: len(list(runner.folder.iterdir())) >= finished_before, "some delivered")
    finally:
        worker.kill()
    assert worker.exit_code == -signal.SIGKILL
    waiting = set(SpoolMessage.objects.values_list("pk", flat=True))
    assert waiting, "killed too late to show anything"

    def drain_until_empty():
        pipeline.drain({"WriteToS3": runner.run}, seconds=30)
        return not SpoolMessage.objects.exists()

    wait_until(drain_until_empty, "the rest delivered")
    times = {recipient: runner.deliveries().count(recipient) for recipient in recipients}
    assert min(times.values()) == 1
    repeated = {recipient for recipient, count in times.items() if count > 1}
    finished = set(MessageTrace.objects.exclude(pk__in=waiting).values_list("recipients__mailbox", flat=True))
    assert not repeated & finished
    assert set(MessageTrace.objects.values_list("outcome", flat=True)) == {"DELIVERED"}
    assert TraceEvent.objects.filter(kind="ACCEPTED").count() == len(recipients)


def _has_ended(worker: Process) -> bool:
    return worker.exit_code is not None


def test_what_two_workers_do_beside_each_other_is_done_once(make_rule_set, spooled, runner, tmp_path):
    rule_set = make_rule_set(rule(BUCKET))
    recipients = sorted(f"user{number}@inside.example" for number in range(300))
    for recipient in recipients:
        spooled(rule_set, recipient)
    workers = [start_worker(runner.folder, tmp_path / f"{n}.log", seconds=0.01) for n in range(2)]
    for worker in workers:
        wait_until(partial(_has_ended, worker), "worker done")
        assert worker.exit_code == 0, worker.output
    assert runner.deliveries() == recipients


# --- Celery ---------------------------------------------------------------------------------------


def store(*envelopes):
    async def run():
        spool = Spool()
        await spool.start()
        try:
            await asyncio.gather(*(spool.store(one, letter()) for one in envelopes))
        finally:
            await spool.close()

    asyncio.run(run())


@pytest.fixture
def mailbox_rules(actor, make_rule_set):
    destinations.ensure_local_role()
    name = f"inbox-{random_text(8)}"  # a mailbox outlives the test that filled it
    destinations.create_mailbox(actor, name=name)
    action = {"DeliverToMailbox": {**MAILBOX["DeliverToMailbox"], "MailboxArn": name}}
    return make_rule_set(rule(action))


@pytest.fixture
def broker_away(tmp_path):
    """Celery's broker is a socket that nobody listens on."""
    url = current_app.conf.broker_url
    current_app.conf.broker_url = f"redis+socket://{tmp_path}/nobody.sock"
    _forget_connections()
    yield
    current_app.conf.broker_url = url
    _forget_connections()


def _forget_connections():
    """As a child does after a fork: a pool that is only closed stays closed for every later test."""
    kombu.pools.reset()
    current_app._after_fork()


def is_all_done():
    return (
        MessageTrace.objects.filter(outcome="DELIVERED").count() == 20 and not SpoolMessage.objects.exists()
    )


def test_mail_that_is_stored_is_delivered_by_a_worker_that_is_told(mailbox_rules, worker):
    store(*(envelope(rule_set_id=mailbox_rules.pk) for _ in range(20)))
    wait_until(is_all_done, "all delivered")


def test_mail_is_accepted_while_the_broker_is_away_and_found_by_the_sweep(mailbox_rules, broker_away):
    store(*(envelope(rule_set_id=mailbox_rules.pk) for _ in range(20)))
    assert SpoolMessage.objects.count() == 20
    tasks.sweep()
    assert is_all_done()


def test_a_worker_that_is_told_to_stop_finishes_what_it_has(mailbox_rules, redis_server, tmp_path):
    with celery_worker(log=tmp_path / "worker.log") as worker:
        store(*(envelope(rule_set_id=mailbox_rules.pk) for _ in range(20)))
        worker.wait_until(MessageTrace.objects.exists, "work begun")
        assert worker.stop() == 0, worker.output
    leased = SpoolMessage.objects.exclude(lease_owner="")
    assert not leased.exists()
