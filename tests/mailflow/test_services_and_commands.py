"""What people may do to mail in the spool, and what the commands say of it."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from access.models import AuditEntry, User
from core.errors import Conflict, Forbidden, NotFound
from mailflow import lease, pipeline, services, tasks, trace
from mailflow.logic.story import EventKind
from mailflow.models import MessageTrace, Outcome, RecipientTrace, SpoolDelivery, SpoolMessage, TraceEvent
from mailflow.trace import Event, Opening, Story
from tests.mailflow.conftest import RELAY, rule
from tests.mailflow.letters import envelope
from tests.mailflow.runners import FileRunner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(make_rule_set, spooled, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    runner.answers = lambda recipient, attempt: ("TEMPORARY", "busy")
    accepted = spooled(make_rule_set(rule(RELAY)))
    pipeline.drain({"Relay": runner.run}, seconds=30)
    return accepted


def said(*arguments):
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize("verb", [services.retry, services.bounce, services.drop])
def test_a_viewer_may_change_nothing(viewer, waiting, verb):
    with pytest.raises(Forbidden):
        verb(viewer, waiting.message_id)
    assert SpoolMessage.objects.count() == 1


@pytest.mark.parametrize("verb", [services.retry, services.bounce, services.drop])
def test_what_is_not_in_the_spool_is_not_found(actor, verb):
    with pytest.raises(NotFound):
        verb(actor, "0" * 40)


@pytest.mark.parametrize("verb", [services.retry, services.bounce, services.drop])
def test_what_a_worker_has_in_hand_is_left_alone(actor, waiting, verb):
    SpoolMessage.objects.update(leased_until=datetime.now(UTC) + timedelta(minutes=1), lease_owner="w")
    with pytest.raises(Conflict):
        verb(actor, waiting.message_id)
    assert SpoolMessage.objects.get().lease_owner == "w"


def test_giving_up_bounces_the_mail(actor, waiting, runner):
    services.bounce(actor, waiting.message_id)
    bounces = FileRunner(runner.folder)
    pipeline.drain({"Dsn": bounces.run}, seconds=30)
    assert bounces.deliveries() == ["ann@sender.example"]
    assert b"given up by the administrator" in bounces.jobs[0].content
    assert actor.name.encode() not in bounces.jobs[0].content
    assert RecipientTrace.objects.get(trace_id=waiting.message_id).outcome == "BOUNCED"
    assert AuditEntry.objects.filter(action="mailflow.bounce").count() == 1
    assert not SpoolMessage.objects.exists()


def test_mail_that_no_worker_looked_at_yet_can_be_given_up(actor, spooled, make_rule_set, runner):
    accepted = spooled(make_rule_set(rule(RELAY)))
    services.bounce(actor, accepted.message_id)
    assert MessageTrace.objects.get(pk=accepted.message_id).outcome == "BOUNCED"
    assert SpoolDelivery.objects.get().step["kind"] == "Dsn"


def test_an_envelope_that_can_not_be_read_can_be_dropped_not_bounced(actor, spooled):
    accepted = spooled(None)
    SpoolMessage.objects.update(envelope={})
    with pytest.raises(Conflict):
        services.bounce(actor, accepted.message_id)
    services.drop(actor, accepted.message_id)
    assert not SpoolMessage.objects.exists()


def test_held_mail_goes_on_when_asked_to(actor, spooled, make_rule_set, runner, settings):
    settings.RETRY_FIRST_SECONDS = 300
    accepted = spooled(None, reverse_path="")
    settings.RETRY_FOR_SECONDS = 0
    pipeline.drain({}, seconds=30)
    assert SpoolMessage.objects.get().next_attempt_at == lease.NEVER
    rule_set = make_rule_set(rule(RELAY))
    SpoolMessage.objects.update(envelope={**SpoolMessage.objects.get().envelope, "rule_set_id": rule_set.pk})
    services.retry(actor, accepted.message_id)
    pipeline.drain({"Relay": runner.run}, seconds=30)
    assert runner.deliveries() == ["bob@inside.example"]
    assert MessageTrace.objects.get().outcome == "DELIVERED"


# --- commands -------------------------------------------------------------------------------------


def test_the_spool_is_listed_and_shown(waiting):
    listed = said("spool", "list")
    assert waiting.message_id in listed
    assert "waits until" in listed
    shown = said("spool", "show", waiting.message_id)
    assert "Relaying did not work yet for bob@inside.example: busy" in shown
    assert "next attempt" in shown


def test_dropping_needs_a_yes(waiting):
    with pytest.raises(CommandError, match="--yes"):
        said("spool", "drop", waiting.message_id)
    said("spool", "drop", waiting.message_id, "--yes")
    assert not SpoolMessage.objects.exists()
    assert MessageTrace.objects.get().outcome == "DROPPED"
    assert TraceEvent.objects.filter(kind="DISCARDED").count() == 1
    assert AuditEntry.objects.get(action="mailflow.drop").source == "manage.py spool"


def test_an_unknown_message_is_one_clear_line():
    with pytest.raises(CommandError, match="no message"):
        said("trace", "0" * 40)
    with pytest.raises(CommandError, match="not in the spool"):
        said("spool", "retry", "0" * 40)


def test_the_trace_finds_by_recipient(waiting):
    assert waiting.message_id in said("trace", "--recipient", "BOB@inside.example")
    assert said("trace", "--recipient", "eve@inside.example") == ""
    with pytest.raises(CommandError, match="--since"):
        said("trace", "--since", "yesterday")


def test_the_admin_shows_and_changes_nothing(owner, waiting):
    User.objects.filter(username="owner").update(is_staff=True, is_superuser=True)
    for model in ("messagetrace", "spoolmessage"):
        assert owner.get(reverse(f"admin:mailflow_{model}_changelist")).status_code == 200
        url = reverse(f"admin:mailflow_{model}_change", args=[waiting.message_id])
        page = owner.get(url)
        assert page.status_code == 200
        assert "All of it, in the order" not in page.content.decode()
        assert owner.post(url, {}).status_code == 403


def test_old_traces_are_forgotten_but_not_of_what_is_under_way(waiting, settings):
    over = envelope()
    opening = Opening(over, "front", "Minutes")
    outcomes = dict.fromkeys(over.forward_paths, Outcome.DELIVERED)
    accepted = Event("accepted", EventKind.ACCEPTED, over.received_at)
    trace.write([Story(over.message_id, opening, [accepted], outcomes, is_over=True)])
    tasks.expire_traces()
    assert MessageTrace.objects.count() == 2
    settings.TRACE_RETENTION_DAYS = -1
    tasks.expire_traces()
    assert MessageTrace.objects.get().pk == waiting.message_id
    assert not TraceEvent.objects.filter(trace_id=over.message_id).exists()


def test_what_can_not_be_written_of_one_message_does_not_take_the_others_story(waiting):
    lost = Story("9" * 40, events=[Event("x", EventKind.DONE, datetime.now(UTC))])  # no such trace
    endless = Story(waiting.message_id, events=[Event("z" * 65, EventKind.DONE, datetime.now(UTC))])
    told = Story(waiting.message_id, events=[Event("y", EventKind.DONE, datetime.now(UTC))])
    trace.write([lost, endless, told])
    assert TraceEvent.objects.filter(key="y").exists()
    assert not TraceEvent.objects.filter(key="x").exists()


def test_a_story_told_twice_is_kept_once(waiting):
    event = Event("again", EventKind.DONE, datetime.now(UTC))
    for _ in range(2):
        trace.write([Story(waiting.message_id, events=[event])])
    assert TraceEvent.objects.filter(key="again").count() == 1
