"""The live page: by cast, in place and whole, with and without Redis, with what ingress processes tell."""

import time
from collections.abc import Iterator

import pytest
import redis
from django.urls import reverse

from ingress import reports
from ingress.logic.limits import Limited, LimitKind
from ingress.reports import ACCEPTED, BUCKET_SECONDS, Report
from mailmanager.live import LIMITS
from tests.console.test_dashboard import make_endpoint

HOSTILE = "<b>x</b>"


@pytest.fixture
def client(redis_server) -> Iterator[redis.Redis]:
    with reports.connect() as connected:
        _forget(connected)
        yield connected
        _forget(connected)


def _forget(connected: redis.Redis) -> None:
    for key in connected.scan_iter(match="mailmanager:live:*"):
        connected.delete(key)


def _report(**changes) -> Report:
    values = {
        "node": "node-1",
        "process_id": 4711,
        "sessions": 1234,
        "messages_per_second": 56.75,
        "commit_p50_ms": 1.25,
        "commit_p99_ms": 17.5,
        "budget_used_bytes": 1024,
        "budget_limit_bytes": 2048,
    }
    return Report(**{**values, **changes})


def _earlier(client, counted) -> None:
    """As if published in the five seconds before these."""
    bucket = int(time.time() // BUCKET_SECONDS) - 1
    client.hset(f"mailmanager:live:bucket:{bucket}", mapping=counted)


def test_numbers_of_all_processes_are_shown(owner, client):
    reports.publish(client, _report(), {})
    reports.publish(client, _report(process_id=4712, sessions=1, commit_p99_ms=None), {})
    _earlier(client, {ACCEPTED: 2000, "550 5.7.1": 30, "599 5.9.9": 1})
    page = owner.get("/live").content.decode()
    for shown in (
        "1,235",
        "113.5",
        "1.3 ms",
        "17.5 ms",
        "4711",
        "4712",
        "Traffic policy",
        "599 5.9.9",
        "2,000",
    ):
        assert shown in page
    assert "style=" not in page
    assert 'hx-trigger="every 2s"' in page
    assert page.count("<rect") == 60 * 3


def test_htmx_gets_the_fragment_alone(owner, client):
    answer = owner.get("/live", headers={"HX-Request": "true"})
    assert answer.content.decode().lstrip().startswith('<div id="live"')
    assert "HX-Request" in answer["Vary"]


def test_who_is_limited_stands_in_a_table(owner, client):
    endpoint, now = make_endpoint("busy"), time.time()
    limited = (
        Limited(LimitKind.OF_ADDRESS, "2001:db8::/64", 100, refused=1234, since_at=now - 185),
        Limited(LimitKind.FAILED_AUTH, HOSTILE, 10, refused=3, since_at=now - 70, until_at=now + 545),
        Limited(LimitKind.OF_ENDPOINT, endpoint.id, 7),
        Limited(LimitKind.ENDPOINT_BYTES, endpoint.id, 5 * 1024 * 1024, until_at=now + 41),
        Limited(LimitKind.ALL_CONNECTIONS, "", 20_000),
    )
    reports.publish(client, _report(limited=limited), {})
    page = owner.get("/live").content.decode()
    for shown in (
        '<span class="container__count">(5)</span>',
        "2001:db8::/64",
        "1,234",
        "3 minutes ago",
        "When connections end",
        "1 minute ago",
        "in 9 minutes",
        "Bytes for an endpoint in a minute",
        "5 MB",
        "20,000",
    ):
        assert shown in page
    assert HOSTILE not in page
    assert page.count(f'<a href="{reverse("endpoints:detail", args=[endpoint.id])}">busy</a>') == 2


def test_every_limit_has_its_words():
    assert set(LIMITS) == set(LimitKind)


def test_reports_of_the_gone_and_of_other_versions_are_left_out(owner, client):
    reports.publish(client, _report(), {})
    client.set("mailmanager:live:process:old:1", '{"limited": [], "hue": 3}', ex=5)
    reports.withdraw(client, "node-1", 4711)
    assert "No ingress process reports" in owner.get("/live").content.decode()


def test_without_redis_the_spool_is_shown_all_the_same(owner, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    page = owner.get("/live").content.decode()
    assert "Redis does not answer" in page
    assert "In the spool" in page


def test_cast(colleague, stranger, client):
    assert colleague.get("/live").status_code == 200
    assert 'aria-current="page"' in colleague.get("/live").content.decode()
    assert stranger.get("/live").status_code == 302
    assert colleague.post("/live").status_code == 405


def test_a_look_costs_few_queries(owner, client, django_assert_max_num_queries):
    owner.get("/live")
    with django_assert_max_num_queries(6):
        owner.get("/live")
