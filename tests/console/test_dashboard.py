"""The dashboard: right counts, and bounded work however much mail there is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from core.identifiers import new_message_id
from endpoints.models import IngressEndpoint
from mailflow.models import MessageTrace, Outcome, RecipientTrace, SpoolMessage
from mailmanager import dashboard
from policies.models import TrafficPolicy
from rulesets.models import RuleSet

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HOSTILE = "<b>x</b>"


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


def make_endpoint(name: str, status: str = "ACTIVE") -> IngressEndpoint:
    policy, _ = TrafficPolicy.objects.get_or_create(name="policy", default_action="DENY")
    rule_set, _ = RuleSet.objects.get_or_create(name="rules")
    return IngressEndpoint.objects.create(
        name=name, type="OPEN", tls_policy="OPTIONAL", status=status, traffic_policy=policy, rule_set=rule_set
    )


def make_traces(count: int, outcome: str, at: datetime) -> None:
    MessageTrace.objects.bulk_create(
        MessageTrace(
            id=new_message_id(int(at.timestamp() * 1e9)),
            endpoint_id="inp-1",
            endpoint_name="one",
            session_id="s",
            received_at=at,
            peer_address="192.0.2.1",
            reverse_path=f"{outcome}@x.example",
            subject=HOSTILE,
            outcome=outcome,
        )
        for _ in range(count)
    )


def test_first_steps_lead_to_the_first_endpoint(owner):
    page = owner.get("/").content.decode()
    assert "Receive your first mail" in page
    make_endpoint("one")
    assert "Receive your first mail" not in owner.get("/").content.decode()


def test_viewer_is_led_to_nothing_that_they_may_not(colleague):
    page = colleague.get("/").content.decode()
    assert "Receive your first mail" in page
    assert 'href="/traffic-policies/create"' not in page


def test_counts_of_endpoints_mail_and_spool_are_shown(owner):
    make_endpoint("one")
    make_endpoint("two", "FAILED")
    now = timezone.now()
    make_traces(1200, Outcome.DELIVERED, now - timedelta(hours=2))
    make_traces(30, Outcome.REFUSED, now - timedelta(hours=1))
    RecipientTrace.objects.create(
        trace=MessageTrace.objects.filter(outcome="REFUSED").latest("id"),
        mailbox="r@x.example",
        outcome="REFUSED",
    )
    later = now + timedelta(hours=1)
    rows: list[dict[str, Any]] = [
        {},
        {"next_attempt_at": later},
        {"next_attempt_at": later, "leased_until": later},
        {"hold_reason": "x"},
    ]
    for number, row in enumerate(rows):
        SpoolMessage.objects.create(
            id=f"{number:040}", envelope={}, size_bytes=1, **{"next_attempt_at": now, **row}
        )
    page = owner.get("/").content.decode()
    assert '<dd class="figure__number">1,200</dd>' in page
    assert '<dd class="figure__number">30</dd>' in page
    assert '<dd class="figure__number">2</dd>' in page
    assert '<dd class="figure__number">4</dd>' in page
    assert "1 held" in page
    assert "1 is tried again later" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert HOSTILE not in page


def test_bars_stand_on_each_other_and_fill_the_chart():
    make_traces(3, Outcome.DELIVERED, NOW)
    make_traces(1, Outcome.REFUSED, NOW)
    make_traces(2, Outcome.BOUNCED, NOW - timedelta(hours=23))
    bars = dashboard.bars(NOW)
    assert len(bars) == 24
    assert (bars[-1].accepted, bars[-1].refused) == (3, 1)
    assert (bars[-1].accepted_height, bars[-1].refused_height) == (75, 25)
    assert (bars[-1].accepted_y, bars[-1].refused_y) == (0, 75)
    assert (bars[0].accepted, bars[0].accepted_height) == (2, 50)


def test_hours_that_are_over_are_counted_once():
    make_traces(1, Outcome.DELIVERED, NOW - timedelta(hours=5))
    assert sum(bar.accepted for bar in dashboard.bars(NOW)) == 1
    make_traces(1, Outcome.DELIVERED, NOW - timedelta(hours=5))  # never happens: hours that are over rest
    make_traces(1, Outcome.DELIVERED, NOW - timedelta(minutes=3))
    assert sum(bar.accepted for bar in dashboard.bars(NOW)) == 2


def test_hour_that_is_just_over_is_counted_again():
    just_after = NOW.replace(minute=1)
    make_traces(1, Outcome.DELIVERED, just_after - timedelta(minutes=2))
    assert sum(bar.accepted for bar in dashboard.bars(just_after)) == 1
    make_traces(1, Outcome.REFUSED, just_after - timedelta(minutes=2))
    assert sum(bar.refused for bar in dashboard.bars(just_after)) == 1


def test_refusals_do_not_push_the_latest_messages_out():
    make_traces(1, Outcome.DELIVERED, NOW)
    make_traces(150, Outcome.REFUSED, NOW + timedelta(seconds=1))
    assert [trace.outcome for trace, _ in dashboard.latest_messages()] == ["DELIVERED"]
    assert len(dashboard.latest_refusals()) == dashboard.SHOWN_MESSAGES


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_look(owner, outcome):
    make_traces(1, outcome, timezone.now())
    assert owner.get("/").status_code == 200


def test_dashboard_takes_a_fixed_number_of_queries(owner, django_assert_max_num_queries):
    make_endpoint("first")
    make_traces(10, Outcome.REFUSED, timezone.now())
    with django_assert_max_num_queries(12):
        owner.get("/")
    for number in range(20):
        make_endpoint(f"more{number}")
    make_traces(300, Outcome.DELIVERED, timezone.now())
    with django_assert_max_num_queries(12):
        owner.get("/")


@pytest.mark.parametrize("words", ["market", "MARKET inp-", "tp-", "%", "x\0y", "'"])
def test_search_finds_by_name_and_id(colleague, words):
    make_endpoint("marketing")
    page = colleague.get("/search", {"q": words}).content.decode()
    assert ("marketing" in page) == words.lower().startswith("market")


def test_search_shows_nothing_before_words_and_words_as_text(colleague, stranger):
    page = colleague.get("/search", {"q": HOSTILE}).content.decode()
    assert HOSTILE not in page
    assert "No matches" in page
    assert stranger.get("/search").status_code == 302
