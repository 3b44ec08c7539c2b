"""The pages of the message trace, by the cast."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from access.models import AuditEntry
from core import reply
from mailflow import pipeline, trace
from mailflow.models import MessageTrace, Outcome, SpoolMessage
from mailflow.refusals import RefusalRecorder
from mailflow.trace import Opening, Story
from tests.mailflow.conftest import BUCKET, RELAY, rule
from tests.mailflow.letters import envelope
from tests.mailflow.test_refusals import refusal

pytestmark = pytest.mark.django_db(transaction=True)

LIST = reverse("mailflow:list")


def page_of(message_id):
    return reverse("mailflow:detail", args=[message_id])


@pytest.fixture
def waiting(make_rule_set, spooled, runner, settings):
    """A message that waits for its next attempt."""
    settings.RETRY_FIRST_SECONDS = 300
    runner.answers = lambda recipient, attempt: ("TEMPORARY", "mx.y.example said 450 busy")
    accepted = spooled(make_rule_set(rule(RELAY)), session_id="s1")
    pipeline.drain({"Relay": runner.run}, seconds=30)
    return accepted


def traced(*forward_paths, outcome=Outcome.DELIVERED, **fields):
    accepted = envelope(*forward_paths, **fields)
    outcomes = dict.fromkeys(accepted.forward_paths, outcome)
    opening = Opening(accepted, "front", "Minutes")
    trace.write([Story(accepted.message_id, opening, [], outcomes, is_over=True)])
    return accepted.message_id


def ids_in(response):
    return {row.key for row in response.context["listing"].rows}


@pytest.mark.parametrize("url", [LIST, page_of("a" * 40)])
def test_a_stranger_is_sent_to_sign_in(stranger, url):
    response = stranger.get(url)
    assert response.status_code == 302
    assert reverse("access:sign_in") in response["Location"]


def test_the_list_shows_accepted_and_refused_mail(colleague):
    message_id = traced()
    recorder = RefusalRecorder()
    recorder.start()
    recorder.record(refusal("eve@inside.example"))
    recorder.close()
    page = colleague.get(LIST)
    assert message_id in page.content.decode()
    assert {"Delivered", "Refused"} <= set(page.content.decode().replace("<", ">").split(">"))


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"recipient": "BOB@inside.example"}, {"first", "second"}),
        ({"recipient": "eve@inside.example"}, {"second"}),
        ({"sender": "Ann@sender.example"}, {"first"}),
        ({"sender": "<>"}, {"second"}),
        ({"outcome": "BOUNCED"}, {"second"}),
        ({"recipient": "bob@inside.example", "outcome": "DELIVERED"}, {"first"}),
        ({"since": "2100-01-01"}, set()),
        ({"until": "2100-01-01"}, {"first", "second"}),
        ({"until": "nonsense"}, {"first", "second"}),
    ],
)
def test_the_list_is_narrowed(colleague, parameters, found):
    ids = {
        "first": traced("bob@inside.example"),
        "second": traced(
            "bob@inside.example", "eve@inside.example", reverse_path="", outcome=Outcome.BOUNCED
        ),
    }
    assert ids_in(colleague.get(LIST, parameters)) == {ids[name] for name in found}


def test_the_list_makes_the_same_queries_whatever_it_holds(colleague, django_assert_max_num_queries):
    for _ in range(60):
        traced("bob@inside.example", "eve@inside.example", "kim@inside.example")
    colleague.get(LIST)
    with django_assert_max_num_queries(12):
        page = colleague.get(LIST)
    assert len(ids_in(page)) == 50
    following = colleague.get(LIST + page.context["listing"].next_url)
    assert len(ids_in(following)) == 10
    assert "bob@inside.example, eve@inside.example and 1 other" in page.content.decode()


def test_a_message_tells_its_story_in_order(colleague, waiting):
    page = colleague.get(page_of(waiting.message_id)).content.decode()
    told = [
        "Accepted for bob@inside.example",
        "Rule “all” matched bob@inside.example",
        "Rule “all” asks for Relaying for bob@inside.example",
        "Relaying did not work yet for bob@inside.example: mx.y.example said 450 busy",
    ]
    places = [page.index(sentence) for sentence in told]
    assert places == sorted(places)
    assert "in 4 minutes" in page or "in 5 minutes" in page
    assert 'hx-trigger="every 2s"' in page
    assert "All of it, in the order" not in page  # no content


def test_polling_stops_when_it_is_over(colleague, make_rule_set, spooled, runner):
    accepted = spooled(make_rule_set(rule(BUCKET)))
    before = colleague.get(page_of(accepted.message_id))
    assert before.status_code == 200
    assert "no worker has looked at it yet" in before.content.decode()
    pipeline.drain({"WriteToS3": runner.run}, seconds=30)
    fragment = colleague.get(page_of(accepted.message_id), HTTP_HX_REQUEST="true")
    assert "every 2s" not in fragment.content.decode()
    assert "<html" not in fragment.content.decode()
    assert "HX-Request" in fragment["Vary"]


def test_refusals_of_the_same_session_are_shown(colleague, waiting):
    recorder = RefusalRecorder()
    recorder.start()
    recorder.record(refusal("eve@inside.example", reply=reply.ACCESS_DENIED))
    recorder.close()
    refused = MessageTrace.objects.get(outcome="REFUSED")
    assert page_of(refused.id) in colleague.get(page_of(waiting.message_id)).content.decode()
    page = colleague.get(page_of(refused.id)).content.decode()
    assert str(reply.ACCESS_DENIED) in page


def test_an_unknown_message_is_not_found(colleague):
    assert colleague.get(page_of("0" * 40)).status_code == 404


def test_an_operator_tries_again_now_and_it_is_audited(operator, waiting):
    response = operator.post(reverse("mailflow:retry", args=[waiting.message_id]), follow=True)
    assert response.status_code == 200
    assert SpoolMessage.objects.get().next_attempt_at <= datetime.now(UTC)
    assert AuditEntry.objects.get(action="mailflow.retry").detail == {"message": waiting.message_id}
    assert "operator asked to try again now" in response.content.decode()


def test_a_colleague_may_not_try_again(colleague, waiting):
    assert "Try again now" not in colleague.get(page_of(waiting.message_id)).content.decode()
    response = colleague.post(reverse("mailflow:retry", args=[waiting.message_id]))
    assert response.status_code == 403
    assert SpoolMessage.objects.get().next_attempt_at > datetime.now(UTC)


def test_what_a_worker_has_in_hand_is_left_alone(operator, waiting):
    SpoolMessage.objects.update(leased_until=datetime.now(UTC) + timedelta(minutes=1))
    response = operator.post(reverse("mailflow:retry", args=[waiting.message_id]))
    assert response.status_code == 409


def test_words_from_outside_are_escaped(colleague):
    message_id = traced("<script>alert(1)</script>@x.example")
    page = colleague.get(page_of(message_id)).content.decode()
    assert "<script>alert" not in page
