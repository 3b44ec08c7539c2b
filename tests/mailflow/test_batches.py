"""Many messages in a worker's hands at once: none harms another, and each is written down."""

import asyncio
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from mailflow import lease, pipeline, recording, smtp_lines
from mailflow.actions.table import RUNNERS
from mailflow.models import MessageTrace, RecipientTrace, SpoolDelivery, SpoolMessage, TraceEvent
from mailflow.stories import story_of
from relays import services as relays
from tests.mailflow.conftest import BUCKET, RELAY, rule
from tests.mailflow.letters import letter
from tests.mailflow.runners import FileRunner
from tests.servers.process import Process, wait_until
from tests.servers.worker import REPOSITORY, product_environment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay_to(actor):
    """`relay_to(peer)`: the action that relays there."""

    def make(peer):
        relay = relays.create(actor, name=f"to-{peer.port}", server_name=peer.host, server_port=peer.port)
        return {"Relay": {"Relay": relay.id}}

    return make


def outcomes():
    return Counter(MessageTrace.objects.values_list("outcome", flat=True))


def make_due():
    now = datetime.now(UTC)
    SpoolDelivery.objects.update(next_attempt_at=now)
    SpoolMessage.objects.update(next_attempt_at=now, leased_until=None, lease_owner="")


def test_one_message_that_raises_harms_no_other(make_rule_set, spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    rule_set = make_rule_set(rule(BUCKET))
    for number in range(30):
        spooled(rule_set, f"user{number}@inside.example")

    async def fragile(job):
        if job.recipients == ("user7@inside.example",):
            raise RuntimeError("a fault")
        return await runner.run(job)

    pipeline.drain({"WriteToS3": fragile}, seconds=30)
    assert len(runner.deliveries()) == 29
    assert SpoolDelivery.objects.get().remaining == ["user7@inside.example"]
    assert outcomes() == {"DELIVERED": 29, "UNDER_WAY": 1}


def test_one_message_whose_results_can_not_be_written_harms_no_other(
    make_rule_set, spooled, runner, monkeypatch
):
    monkeypatch.setattr("mailflow.desk._PAUSE_AFTER_FAULT_SECONDS", 0.01)
    rule_set = make_rule_set(rule(BUCKET))
    for number in range(10):
        spooled(rule_set, f"user{number}@inside.example")

    class Unwritable(str):
        def isprintable(self):
            raise ValueError("no text")

    async def fragile(job):
        results = await runner.run(job)
        if job.recipients == ("user7@inside.example",):
            return [type(results[0])("user7@inside.example", "TEMPORARY", Unwritable("?"))]
        return results

    pipeline.drain({"WriteToS3": fragile}, seconds=30)
    assert SpoolMessage.objects.count() == 1
    assert outcomes()["DELIVERED"] == 9


def test_a_plan_is_written_with_what_came_of_it(make_rule_set, spooled, runner):
    accepted = spooled(make_rule_set(rule(BUCKET)))
    seen = []

    async def looking(job):
        seen.append(await sync_to_async(SpoolDelivery.objects.count)())
        return await runner.run(job)

    pipeline.drain({"WriteToS3": looking}, seconds=30)
    assert seen == [0]
    assert [event.kind for event in story_of(accepted.message_id).events][-1] == "DONE"
    assert not SpoolMessage.objects.exists()


def test_what_takes_long_is_written_down_meanwhile(make_rule_set, spooled, runner, monkeypatch):
    monkeypatch.setattr(pipeline, "_WRITE_PLAN_AFTER_SECONDS", 0.1)
    accepted = spooled(make_rule_set(rule(BUCKET)))
    seen = []

    def look():
        return SpoolDelivery.objects.count(), dict(MessageTrace.objects.values_list("pk", "outcome"))

    async def slow(job):
        await asyncio.sleep(0.6)
        seen.append(await sync_to_async(look)())
        return await runner.run(job)

    pipeline.drain({"WriteToS3": slow}, seconds=30)
    assert seen == [(1, {accepted.message_id: "UNDER_WAY"})]
    assert outcomes() == {"DELIVERED": 1}
    assert not SpoolMessage.objects.exists()


def test_many_that_take_long_are_each_written_down_once(make_rule_set, spooled, runner, monkeypatch, caplog):
    monkeypatch.setattr(pipeline, "_WRITE_PLAN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(pipeline, "_LOOK_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(pipeline, "BATCH_MESSAGES", 10)
    rule_set = make_rule_set(rule(BUCKET))
    for number in range(100):
        spooled(rule_set, f"user{number}@inside.example")
    runner.seconds = 0.3
    pipeline.drain({"WriteToS3": runner.run}, seconds=30)
    assert len(runner.deliveries()) == 100
    assert outcomes() == {"DELIVERED": 100}
    assert caplog.records == []  # no lease was lost, nothing written a second time


def test_who_lost_its_lease_to_another_that_planned_otherwise_changes_nothing_there(
    make_rule_set, spooled, runner, settings
):
    settings.RETRY_FIRST_SECONDS = 300
    rule_set = make_rule_set(rule(BUCKET))
    accepted = spooled(rule_set)

    def other_takes_over():
        rule_set.rules = [rule(RELAY)]
        rule_set.save()
        SpoolMessage.objects.update(lease_owner="", leased_until=None, next_attempt_at=datetime.now(UTC))
        (work,) = pipeline.intake.take("other", limit=1, max_bytes=1).works
        recording.write_plans("other", [work])

    async def robbed(job):
        await sync_to_async(other_takes_over)()
        return await runner.run(job)

    pipeline.drain({"WriteToS3": robbed, "Relay": FileRunner(runner.folder).run}, seconds=1)
    row = SpoolDelivery.objects.get()
    assert (row.step["kind"], row.remaining) == ("Relay", ["bob@inside.example"])
    assert SpoolMessage.objects.get(pk=accepted.message_id).lease_owner == "other"


def test_a_message_that_another_ended_meanwhile_stays_ended(make_rule_set, spooled, runner):
    spooled(make_rule_set(rule(BUCKET)))

    async def late(job):
        await sync_to_async(SpoolMessage.objects.all().delete)()
        return await runner.run(job)

    pipeline.drain({"WriteToS3": late}, seconds=30)
    assert not SpoolMessage.objects.exists()
    assert outcomes() == {"DELIVERED": 1}


def test_a_story_that_is_told_again_has_the_last_outcome(make_rule_set, spooled, runner, settings):
    """A worker died between the story and the spool; the next one's attempt comes to something else."""
    settings.RETRY_FIRST_SECONDS = 300
    accepted = spooled(make_rule_set(rule(BUCKET)))
    pipeline.drain({"WriteToS3": runner.run}, seconds=30)
    assert outcomes() == {"DELIVERED": 1}
    SpoolMessage.objects.all().delete()
    spooled(make_rule_set(rule(BUCKET)), message_id=accepted.message_id)
    runner.answers = lambda recipient, attempt: ("PERMANENT", "no", "5.1.1")
    pipeline.drain({"WriteToS3": runner.run, "Dsn": FileRunner(runner.folder).run}, seconds=30)
    assert MessageTrace.objects.get(pk=accepted.message_id).outcome == "BOUNCED"
    assert RecipientTrace.objects.get(trace_id=accepted.message_id).outcome == "BOUNCED"


# --- relays ---------------------------------------------------------------------------------------


def test_a_batch_goes_to_its_relay_on_few_connections(make_rule_set, spooled, relay_to, smtp_peer):
    rule_set = make_rule_set(rule(relay_to(smtp_peer)))
    for number in range(150):
        spooled(rule_set, f"user{number}@inside.example")
    pipeline.drain(RUNNERS, seconds=30)
    arrived = Counter(message.forward_paths[0] for message in smtp_peer.wait_for(150))
    assert arrived == {f"user{number}@inside.example": 1 for number in range(150)}
    assert smtp_peer.connections <= 10
    assert outcomes() == {"DELIVERED": 150}
    assert not SpoolMessage.objects.exists()


def test_a_relay_that_hangs_up_in_mid_batch_gets_only_what_was_under_way_again(
    make_rule_set, spooled, relay_to, smtp_peer
):
    rule_set = make_rule_set(rule(relay_to(smtp_peer)))
    for number in range(60):
        spooled(rule_set, f"user{number}@inside.example")
    smtp_peer.answers("content", "250 2.0.0 Ok", times=20)
    smtp_peer.closes("content", times=5)
    pipeline.drain(RUNNERS, seconds=30)
    arrived = Counter(message.forward_paths[0] for message in smtp_peer.wait_for(60))
    assert arrived == {f"user{number}@inside.example": 1 for number in range(60)}
    assert TraceEvent.objects.filter(kind="DELAYED").count() == 5
    assert outcomes() == {"DELIVERED": 60}


@pytest.fixture
def few_in_hand(settings, monkeypatch):
    settings.RETRY_FIRST_SECONDS = 300
    settings.LEASE_SECONDS = 60
    monkeypatch.setattr(smtp_lines, "STUCK_SECONDS", 0.3)
    monkeypatch.setattr(pipeline, "MAX_MESSAGES", 40)
    monkeypatch.setattr(pipeline, "BATCH_MESSAGES", 20)


@pytest.mark.usefixtures("few_in_hand")
def test_a_relay_that_is_stuck_holds_up_no_other(make_rule_set, spooled, relay_to, smtp_peer, make_smtp_peer):
    stuck = make_smtp_peer()
    stuck.waits("connect", 4.0, times=1)
    to_stuck, to_other = make_rule_set(rule(relay_to(stuck))), make_rule_set(rule(relay_to(smtp_peer)))
    for number in range(60):  # more than fit into a worker's hands
        spooled(to_stuck, f"user{number}@stuck.example")
    for number in range(20):
        spooled(to_other, f"user{number}@inside.example")
    while_stuck = []

    def watching(runner):
        async def run(job):
            results = await runner(job)
            if job.recipients[0].endswith("@inside.example"):
                while_stuck.append(not stuck.messages)
            return results

        return run

    pipeline.drain({"Relay": watching(RUNNERS["Relay"])}, seconds=30)
    assert while_stuck == [True] * 20
    put_off = SpoolDelivery.objects.filter(attempts=0)
    assert put_off.count() == 60 - len(stuck.messages) >= 40
    assert all(row.next_attempt_at > datetime.now(UTC) + timedelta(seconds=10) for row in put_off)
    assert not SpoolMessage.objects.exclude(lease_owner="").exists()
    make_due()
    pipeline.drain(RUNNERS, seconds=30)
    assert len({message.forward_paths for message in stuck.wait_for(60)}) == len(stuck.messages) == 60
    assert outcomes() == {"DELIVERED": 80}
    told = TraceEvent.objects.filter(kind="DELAYED").values_list("detail", flat=True)
    assert all("does not get on" in detail["Words"] for detail in told)


_WORKER = """
import django
django.setup()
from mailflow import pipeline
from mailflow.actions.table import RUNNERS
print("begun", flush=True)
pipeline.drain(RUNNERS, seconds=60)
"""


def test_after_a_crash_a_relay_gets_only_what_was_in_flight_again(
    make_rule_set, spooled, relay_to, smtp_peer, tmp_path
):
    rule_set = make_rule_set(rule(relay_to(smtp_peer)))
    paths = {f"user{number}@inside.example" for number in range(400)}
    for path in sorted(paths):
        spooled(rule_set, path)
    worker = Process(
        [sys.executable, "-c", _WORKER],
        log=tmp_path / "worker.log",
        env={**product_environment(), "MAILMANAGER_LEASE_SECONDS": "2"},
        cwd=REPOSITORY,
    )
    try:
        worker.wait_until(lambda: len(smtp_peer.messages) >= 150, "some relayed")
    finally:
        worker.kill()
    assert worker.exit_code == -signal.SIGKILL
    waiting = set(SpoolMessage.objects.values_list("pk", flat=True))
    ended = set(MessageTrace.objects.exclude(pk__in=waiting).values_list("recipients__mailbox", flat=True))

    def drain_until_empty():
        pipeline.drain(RUNNERS, seconds=30)
        return not SpoolMessage.objects.exists()

    wait_until(drain_until_empty, "the rest relayed")
    arrived = Counter(message.forward_paths[0] for message in smtp_peer.messages)
    assert set(arrived) == paths
    repeated = {path for path, count in arrived.items() if count > 1}
    assert not repeated & ended
    assert max(arrived.values()) <= 2
    assert outcomes() == {"DELIVERED": 400}


# --- memory ---------------------------------------------------------------------------------------


def test_large_messages_are_in_hand_a_few_at_a_time(make_rule_set, spooled, runner, monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_BYTES", 1_000_000)
    rule_set = make_rule_set(rule(BUCKET))
    for _ in range(12):
        spooled(rule_set, content=letter(size_bytes=300_000))
    in_hand, most = 0, 0

    async def counting(job):
        nonlocal in_hand, most
        in_hand += 1
        most = max(most, in_hand)
        await asyncio.sleep(0.1)
        in_hand -= 1
        return await runner.run(job)

    pipeline.drain({"WriteToS3": counting}, seconds=30)
    assert len(runner.deliveries()) == 12
    assert most <= 4


def test_a_message_larger_than_the_bound_is_in_hand_alone(make_rule_set, spooled, runner, monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_BYTES", 1000)
    rule_set = make_rule_set(rule(BUCKET))
    for _ in range(3):
        spooled(rule_set, content=letter(size_bytes=5000))
    assert pipeline.drain({"WriteToS3": runner.run}, seconds=30) == 3
    assert len(runner.deliveries()) == 3
    assert lease.is_anything_due(datetime.now(UTC)) is False
