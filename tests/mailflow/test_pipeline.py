"""What becomes of mail after its 250: planned once, done at least once, never lost, always told."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings

from core.envelope import ClientCertificate
from mailflow import lease, pipeline
from mailflow.models import (
    MessageTrace,
    RecipientTrace,
    SpoolContent,
    SpoolDelivery,
    SpoolMessage,
    TraceEvent,
)
from mailflow.stories import story_of
from tests.mailflow.conftest import BUCKET, MAILBOX, RELAY, rule, with_policy
from tests.mailflow.letters import letter
from tests.mailflow.runners import FileRunner

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(days=6)


def drain(**runners: FileRunner) -> int:
    kinds = {kind: runner.run for kind, runner in runners.items()}
    return pipeline.drain(kinds, seconds=30)


def outcomes():
    return dict(RecipientTrace.objects.values_list("mailbox", "outcome"))


def kinds_told(message_id):
    return [event.kind for event in story_of(message_id).events]


def make_due(**fields):
    now = datetime.now(UTC)
    SpoolDelivery.objects.update(next_attempt_at=now, **fields)
    SpoolMessage.objects.update(next_attempt_at=now, leased_until=None, lease_owner="")


def is_spool_empty():
    return not any(model.objects.exists() for model in (SpoolMessage, SpoolContent, SpoolDelivery))


def test_a_message_is_delivered_and_leaves_the_spool(make_rule_set, spooled, runner):
    accepted = spooled(make_rule_set(rule(BUCKET)), "bob@inside.example", "eve@inside.example")
    assert drain(WriteToS3=runner) == 1
    assert runner.deliveries() == ["bob@inside.example", "eve@inside.example"]
    assert is_spool_empty()
    trace = MessageTrace.objects.get()
    assert (trace.id, trace.outcome, trace.subject) == (accepted.message_id, "DELIVERED", "Minutes")
    assert outcomes() == {"bob@inside.example": "DELIVERED", "eve@inside.example": "DELIVERED"}
    assert kinds_told(accepted.message_id) == ["ACCEPTED", "RULE_MATCHED", "PLANNED", "DONE"]


def test_the_content_arrives_as_it_was_with_added_headers_on_top(make_rule_set, spooled, runner):
    header = {"AddHeader": {"HeaderName": "X-Route", "HeaderValue": "front"}}
    content = letter() + b"8-bit: \xe4\r\n"
    spooled(make_rule_set(rule(header, BUCKET)), content=content)
    drain(WriteToS3=runner)
    (job,) = runner.jobs
    assert job.content == b"X-Route: front\r\n" + content


def test_many_messages_are_worked_on_beside_each_other(make_rule_set, spooled, runner):
    rule_set = make_rule_set(rule(BUCKET))
    for _ in range(150):
        spooled(rule_set)
    runner.seconds = 0.05
    assert drain(WriteToS3=runner) == 150
    assert len(runner.deliveries()) == 150
    assert is_spool_empty()


def test_only_the_unfinished_recipients_are_tried_again(make_rule_set, spooled, runner):
    runner.answers = lambda recipient, attempt: (
        ("TEMPORARY", "busy") if recipient.startswith("eve") and attempt < 3 else None
    )
    spooled(make_rule_set(rule(BUCKET)), "bob@inside.example", "eve@inside.example")
    drain(WriteToS3=runner)
    assert [job.recipients for job in runner.jobs] == [
        ("bob@inside.example", "eve@inside.example"),
        ("eve@inside.example",),
        ("eve@inside.example",),
    ]
    assert runner.deliveries() == ["bob@inside.example", "eve@inside.example"]
    assert is_spool_empty()


def test_a_delivery_that_failed_for_now_waits_for_its_time(make_rule_set, spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    runner.answers = lambda recipient, attempt: ("TEMPORARY", "busy")
    accepted = spooled(make_rule_set(rule(RELAY)))
    drain(Relay=runner)
    drain(Relay=runner)
    assert len(runner.jobs) == 1
    row, delivery = SpoolMessage.objects.get(), SpoolDelivery.objects.get()
    wait = row.next_attempt_at - datetime.now(UTC)
    assert timedelta(seconds=240) < wait <= timedelta(seconds=300)
    assert (row.lease_owner, delivery.attempts, delivery.last_result) == ("", 1, "busy")
    assert MessageTrace.objects.get().outcome == "UNDER_WAY"
    event = TraceEvent.objects.get(trace_id=accepted.message_id, kind="DELAYED")
    assert datetime.fromisoformat(event.detail["NextAttemptAt"]) == delivery.next_attempt_at


def test_a_delivery_is_given_up_after_days_and_the_sender_told(make_rule_set, spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    runner.answers = lambda recipient, attempt: ("TEMPORARY", "busy", "4.2.1", "mx.y.example")
    accepted = spooled(make_rule_set(rule(RELAY)))
    drain(Relay=runner)
    make_due(first_attempt_at=datetime.now(UTC) - LATER)
    bounces = FileRunner(runner.folder)
    drain(Relay=runner, Dsn=bounces)
    (bounce,) = bounces.jobs
    assert bounce.recipients == (accepted.reverse_path,)
    assert b"Status: 4.4.7" in bounce.content
    assert outcomes() == {"bob@inside.example": "BOUNCED", "ann@sender.example": "DELIVERED"}
    assert kinds_told(accepted.message_id)[-2:] == ["GAVE_UP", "BOUNCE_SENT"]
    assert is_spool_empty()


def test_a_fault_of_an_action_is_temporary(make_rule_set, spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300

    async def broken(job):
        raise RuntimeError("a fault")

    spooled(make_rule_set(rule(BUCKET, RELAY)))
    pipeline.drain({"WriteToS3": runner.run, "Relay": broken}, seconds=30)
    assert runner.deliveries() == ["bob@inside.example"]
    assert [d.state for d in SpoolDelivery.objects.order_by("position")] == ["DONE", "PENDING"]


def test_an_action_that_is_not_installed_is_waited_for(make_rule_set, spooled, settings):
    settings.RETRY_FIRST_SECONDS = 300
    spooled(make_rule_set(rule(BUCKET)))
    drain()
    assert "WriteToS3" in SpoolDelivery.objects.get().last_result


def test_dropped_mail_leaves_the_spool_and_is_told(make_rule_set, spooled):
    accepted = spooled(make_rule_set(rule({"Drop": {}})))
    drain()
    assert is_spool_empty()
    assert MessageTrace.objects.get().outcome == "DROPPED"
    assert kinds_told(accepted.message_id) == ["ACCEPTED", "RULE_MATCHED", "DROPPED"]


def test_mail_that_no_action_takes_is_told(make_rule_set, spooled):
    spooled(make_rule_set(rule(BUCKET, recipient="nobody@inside.example")))
    drain()
    assert is_spool_empty()
    assert MessageTrace.objects.get().outcome == "UNHANDLED"


# --- failure policies -----------------------------------------------------------------------------


def test_a_failure_with_policy_drop_leaves_out_what_comes_later_for_those_it_failed(
    make_rule_set, spooled, runner
):
    first = FileRunner(
        runner.folder, lambda r, n: ("PERMANENT", "no", "5.1.1") if r.startswith("eve") else None
    )
    spooled(
        make_rule_set(rule(with_policy(RELAY, "DROP"), BUCKET)), "bob@inside.example", "eve@inside.example"
    )
    drain(Relay=first, WriteToS3=runner, Dsn=FileRunner(runner.folder))
    assert [job.recipients for job in runner.jobs] == [("bob@inside.example",)]
    assert outcomes()["eve@inside.example"] == "BOUNCED"
    assert TraceEvent.objects.filter(kind="CANCELLED", recipient="eve@inside.example").count() == 1


def test_a_failure_with_policy_continue_goes_on(make_rule_set, spooled, runner):
    first = FileRunner(runner.folder, lambda r, n: ("PERMANENT", "no"))
    spooled(make_rule_set(rule(with_policy(BUCKET, "CONTINUE"), MAILBOX)))
    drain(WriteToS3=first, DeliverToMailbox=runner)
    assert runner.deliveries() == ["bob@inside.example"]
    assert outcomes() == {"bob@inside.example": "DELIVERED"}  # the mailbox has it: no bounce
    assert is_spool_empty()


# --- faults of ours -------------------------------------------------------------------------------


def test_mail_without_a_rule_set_is_kept_and_bounced_at_last(spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    spooled(None)
    drain()
    assert SpoolDelivery.objects.get().step["kind"] == "Walk"
    make_due(first_attempt_at=datetime.now(UTC) - LATER)
    drain(Dsn=runner)
    assert outcomes()["bob@inside.example"] == "BOUNCED"
    assert runner.deliveries() == ["ann@sender.example"]
    assert is_spool_empty()


def test_mail_without_a_rule_set_and_without_a_sender_is_held(spooled, settings):
    settings.RETRY_FIRST_SECONDS = 300
    spooled(None, reverse_path="")
    drain()
    make_due(first_attempt_at=datetime.now(UTC) - LATER)
    drain()
    row = SpoolMessage.objects.get()
    assert row.next_attempt_at == lease.NEVER
    assert "rs-none" in row.hold_reason
    assert MessageTrace.objects.get().outcome == "HELD"


def test_a_rule_that_can_not_be_evaluated_holds_up_only_those_whom_no_other_serves(
    make_rule_set, spooled, runner, settings
):
    settings.RETRY_FIRST_SECONDS = 300
    broken = rule({"NoSuchAction": {}}, name="broken")
    rule_set = make_rule_set(broken, rule(BUCKET, recipient="bob@inside.example"))
    spooled(rule_set, "bob@inside.example", "eve@inside.example")
    drain(WriteToS3=runner)
    assert runner.deliveries() == ["bob@inside.example"]
    assert outcomes() == {"bob@inside.example": "DELIVERED", "eve@inside.example": "UNDER_WAY"}
    rule_set.rules = [rule(BUCKET)]
    rule_set.save()
    make_due()
    drain(WriteToS3=runner)
    assert runner.deliveries() == ["bob@inside.example", "eve@inside.example"]
    assert is_spool_empty()


def test_an_envelope_that_can_not_be_read_is_held_at_last(spooled, settings):
    settings.RETRY_FIRST_SECONDS = 300
    spooled(None)
    SpoolMessage.objects.update(envelope={"of": "another version"})
    drain()
    assert SpoolMessage.objects.get().attempts == 1
    settings.RETRY_FOR_SECONDS = 0
    make_due()
    drain()
    row = SpoolMessage.objects.get()
    assert row.next_attempt_at == lease.NEVER
    assert "envelope" in row.hold_reason


def test_a_message_that_goes_in_a_circle_is_bounced(make_rule_set, spooled, runner):
    hops = b"Received: from a.example by b.example; Wed, 25 Nov 2026 10:00:00 +0000\r\n" * 101
    spooled(make_rule_set(rule(BUCKET)), content=hops + letter())
    bounces = FileRunner(runner.folder)
    drain(WriteToS3=runner, Dsn=bounces)
    assert not runner.jobs
    assert b"Status: 5.4.6" in bounces.jobs[0].content


# --- leases ---------------------------------------------------------------------------------------


def test_what_one_worker_has_another_does_not_take(make_rule_set, spooled):
    spooled(make_rule_set(rule(BUCKET)))
    now = datetime.now(UTC)
    assert len(lease.claim("one", limit=10, max_bytes=1 << 20, now=now)) == 1
    assert lease.claim("two", limit=10, max_bytes=1 << 20, now=now) == []


def test_the_mail_of_a_dead_worker_is_taken_when_its_lease_ends(make_rule_set, spooled, runner):
    spooled(make_rule_set(rule(BUCKET)))
    now = datetime.now(UTC)
    lease.claim(
        "dead", limit=10, max_bytes=1 << 20, now=now - timedelta(seconds=django_settings.LEASE_SECONDS)
    )
    assert drain(WriteToS3=runner) == 1
    assert runner.deliveries() == ["bob@inside.example"]


def test_a_claim_is_bounded_by_bytes_but_never_empty(make_rule_set, spooled):
    rule_set = make_rule_set(rule(BUCKET))
    for _ in range(3):
        spooled(rule_set, content=letter(size_bytes=10_000))
    now = datetime.now(UTC)
    assert len(lease.claim("one", limit=10, max_bytes=100, now=now)) == 1
    assert len(lease.claim("two", limit=10, max_bytes=1 << 20, now=now)) == 2


def test_a_plan_is_made_once_whatever_becomes_of_the_rule_set(make_rule_set, spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    rule_set = make_rule_set(rule(BUCKET))
    runner.answers = lambda recipient, attempt: ("TEMPORARY", "busy") if attempt == 1 else None
    spooled(rule_set)
    drain(WriteToS3=runner)
    rule_set.rules = [rule({"Drop": {}})]
    rule_set.save()
    make_due()
    drain(WriteToS3=runner)
    assert runner.deliveries() == ["bob@inside.example"]


def test_long_work_keeps_its_lease(make_rule_set, spooled, runner, settings):
    settings.LEASE_SECONDS = 0.4
    spooled(make_rule_set(rule(BUCKET)))
    taken = []

    async def slow(job):
        for _ in range(4):
            await asyncio.sleep(0.3)
            taken.append(await _claims_of_another())
        return await runner.run(job)

    pipeline.drain({"WriteToS3": slow}, seconds=30)
    assert taken == [0] * 4
    assert runner.deliveries() == ["bob@inside.example"]


async def _claims_of_another():
    claims = await sync_to_async(lease.claim)("other", limit=1, max_bytes=1, now=datetime.now(UTC))
    return len(claims)


def test_results_of_a_worker_that_lost_its_lease_count(make_rule_set, spooled, runner, settings):
    spooled(make_rule_set(rule(BUCKET)), "bob@inside.example", "eve@inside.example")

    async def robbed(job):
        await sync_to_async(SpoolMessage.objects.update)(lease_owner="other")
        return await runner.run(job)

    pipeline.drain({"WriteToS3": robbed}, seconds=30)
    assert runner.deliveries() == ["bob@inside.example", "eve@inside.example"]
    assert is_spool_empty()


def test_a_database_query_is_not_made_for_each_message(
    make_rule_set, spooled, runner, django_assert_max_num_queries
):
    rule_set = make_rule_set(rule(BUCKET))
    for _ in range(100):
        spooled(rule_set)
    with django_assert_max_num_queries(25, using="default"):
        drain(WriteToS3=runner)


def test_the_subject_of_a_client_certificate_is_in_the_trace(make_rule_set, spooled, runner):
    shown = ClientCertificate("CN=mailer", {"CN": ("mailer",)})
    spooled(make_rule_set(rule(BUCKET)), client_certificate=shown)
    assert drain(WriteToS3=runner) == 1
    assert MessageTrace.objects.get().client_certificate == "CN=mailer"
