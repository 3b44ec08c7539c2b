"""One scrape over HTTP holds what all processes of the node did, each a real one."""

import re
import signal
import sys
from collections.abc import Callable

import dns.message
import dns.query
import httpx
import pytest

from core import reply
from endpoints import provisioning
from endpoints.models import IngressEndpoint
from mailflow import pipeline
from mailflow.models import SpoolDelivery, SpoolMessage
from mailflow.notices import send_notice
from tests.endpoints.test_rundns import KINDS, Dns
from tests.ingress.conftest import ADDRESSES
from tests.mailflow.conftest import BUCKET, RELAY, rule
from tests.metrics.conftest import Scrape
from tests.servers.ports import free_port
from tests.servers.process import Process, running, wait_until
from tests.servers.worker import REPOSITORY, product_environment

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = ("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")


def _deliver(peer, count: int) -> None:
    for _ in range(count):
        peer.says(*MESSAGE)
        assert peer.sends_message(b"text\r\n").code == 250


def _grows(scrape: Callable[[], Scrape], before: Scrape, name: str, by: float, **labels: str) -> None:
    wait_until(lambda: scrape()(name, **labels) == before(name, **labels) + by, f"{name} {labels} by {by}")


def test_what_an_ingress_accepts_and_refuses_is_counted(make_endpoint, start, dial, scrape, owner):
    make_endpoint(ADDRESSES[0])
    before = scrape()
    process, port = start()
    with dial((ADDRESSES[0], port)) as peer:
        _deliver(peer, 3)
        peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<blocked@y.example>")
        assert peer.heard(reply.ACCESS_DENIED)
        _grows(scrape, before, "mailmanager_smtp_messages_accepted_total", 3, endpoint_type="OPEN")
        _grows(scrape, before, "mailmanager_smtp_refusals_total", 1, code="550", enhanced_code="5.7.1")
        after = scrape()
        assert after("mailmanager_smtp_message_bytes_total") > before("mailmanager_smtp_message_bytes_total")
        assert after("mailmanager_smtp_sessions_total") == before("mailmanager_smtp_sessions_total") + 1
        assert after("mailmanager_smtp_sessions_open", endpoint_type="OPEN") == 1
        assert after("mailmanager_smtp_budget_limit_bytes") > 0
        assert after("mailmanager_spool_messages", state="waiting") == 3
        assert after("mailmanager_spool_oldest_seconds") > 0
        commits = after("mailmanager_spool_commit_seconds_count") - before(
            "mailmanager_spool_commit_seconds_count"
        )
        assert 1 <= commits <= 3
        stored = {"result": "stored"}
        assert after("mailmanager_spool_commits_total", **stored) - before(
            "mailmanager_spool_commits_total", **stored
        ) == pytest.approx(commits)
        assert after("mailmanager_spool_batch_messages_sum") - before(
            "mailmanager_spool_batch_messages_sum"
        ) == pytest.approx(3)
        page = owner.get("/live").content.decode()
        (worker,) = re.findall(r'"pid": (\d+), .*"event": "ingress_started"', process.output)
        assert f"<td>{worker}</td><td>1</td>" in page
        process.kill()
    killed = scrape()
    assert killed("mailmanager_smtp_sessions_open") == 0
    assert killed("mailmanager_smtp_messages_accepted_total") == after(
        "mailmanager_smtp_messages_accepted_total"
    )


def test_processes_of_one_ingress_add_up_and_what_came_last_is_not_lost(make_endpoint, start, dial, scrape):
    make_endpoint(ADDRESSES[0])
    before = scrape()
    process, port = start("--processes", "2")
    process.wait_until(lambda: process.output.count("ingress_started") == 2, "both started")
    for _ in range(10):
        with dial((ADDRESSES[0], port)) as peer:
            _deliver(peer, 1)
    assert process.stop() == 0
    after = scrape()
    for name in ("mailmanager_smtp_messages_accepted_total", "mailmanager_smtp_sessions_total"):
        assert after(name) == before(name) + 10
    assert after("mailmanager_smtp_sessions_open") == 0


def test_what_the_pipeline_does_is_counted(make_rule_set, spooled, runner, scrape):
    before = scrape()
    runner.answers = lambda recipient, attempt: ("PERMANENT", "no") if recipient.startswith("eve") else None
    spooled(make_rule_set(rule(BUCKET)), "bob@inside.example", "eve@inside.example")
    spooled(make_rule_set(), "bob@inside.example")
    pipeline.drain({"WriteToS3": runner.run, "Dsn": runner.run}, seconds=30)
    assert not SpoolMessage.objects.exists()
    for by, name, labels in (
        (1, "mailmanager_deliveries_total", {"kind": "WriteToS3", "result": "DONE"}),
        (1, "mailmanager_deliveries_total", {"kind": "WriteToS3", "result": "PERMANENT"}),
        (1, "mailmanager_deliveries_total", {"kind": "Dsn", "result": "DONE"}),
        (1, "mailmanager_bounces_total", {}),
        (3, "mailmanager_pipeline_seconds_count", {}),
    ):
        assert scrape()(name, **labels) == before(name, **labels) + by, (name, labels)


def test_what_waits_for_another_attempt_or_a_person_is_told_apart(
    make_rule_set, spooled, runner, scrape, settings
):
    settings.RETRY_FIRST_SECONDS = 3600
    runner.answers = lambda recipient, attempt: ("TEMPORARY", "later")
    spooled(make_rule_set(rule(RELAY)), "bob@inside.example")
    pipeline.drain({"Relay": runner.run}, seconds=30)
    assert SpoolDelivery.objects.count() == 1
    held = spooled(None, "eve@inside.example")
    SpoolMessage.objects.filter(pk=held.message_id).update(hold_reason="a person must look")
    spooled(None, "ann@inside.example")
    found = scrape()
    for state in ("retrying", "held", "waiting"):
        assert found("mailmanager_spool_messages", state=state) == 1, state


def test_a_worker_tells_of_its_tasks(worker, make_rule_set, spooled, scrape):
    before = scrape()
    spooled(make_rule_set(), "bob@inside.example")
    send_notice()
    task = {"task": "mailflow.tasks.process"}
    # At least: notices of earlier tests, that no worker heard, may be waiting in Redis.
    done, states = "mailmanager_tasks_total", {**task, "state": "SUCCESS"}
    wait_until(lambda: scrape()(done, **states) > before(done, **states), "task counted")
    _grows(scrape, before, "mailmanager_pipeline_seconds_count", 1)
    assert (
        scrape()("mailmanager_tasks_sent_total", **task) == before("mailmanager_tasks_sent_total", **task) + 1
    )


def test_dns_answers_are_counted_by_rcode(tmp_path, scrape):
    server = Dns(tmp_path / "dns.log", free_port(kinds=KINDS))
    before = scrape()
    with running(server.process) as process:
        process.wait_until(lambda: "dns_started" in process.output, "DNS started")
        for name in ("nowhere.example", "elsewhere.example"):
            dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", port=server.port, timeout=5)
        _grows(scrape, before, "mailmanager_dns_responses_total", 2, rcode="REFUSED")


def test_requests_are_counted_and_strangers_make_no_labels(scrape, live_server, owner):
    before = scrape()
    owner.get("/")
    httpx.get(f"{live_server.url}/no/such/page")
    target = {"X-Amz-Target": "MailManagerSvc.Invented"}
    httpx.post(f"{live_server.url}/api/", headers=target, content=b"{}")
    for name, labels in (
        ("mailmanager_http_requests_total", {"view": "dashboard", "status": "200"}),
        ("mailmanager_http_requests_total", {"view": "none", "status": "404"}),
    ):
        assert scrape()(name, **labels) == before(name, **labels) + 1, labels
    assert scrape()("mailmanager_api_requests_total") == before("mailmanager_api_requests_total") + 1
    assert "Invented" not in httpx.get(f"{live_server.url}/metrics").text


def test_provisioning_has_a_duration(make_endpoint, scrape, settings):
    settings.PROVISION_TIMEOUT_SECONDS = 0
    endpoint = make_endpoint(ADDRESSES[0])
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status=IngressEndpoint.Status.PROVISIONING)
    before = scrape()
    provisioning.provision(endpoint.pk)  # nothing listens there
    count = "mailmanager_provisioning_seconds_count"
    assert scrape()(count, result="failed") == before(count, result="failed") + 1


def test_a_node_without_web_answers_at_an_address_of_its_own(transactional_db, tmp_path, scrape):
    port = free_port()
    environment = product_environment() | {
        "MAILMANAGER_METRICS": f"127.0.0.1:{port}",
        "MAILMANAGER_METRICS_TOKEN": "a token of the test",
    }
    command = [sys.executable, "manage.py", "runmetrics"]
    process = Process(command, log=tmp_path / "metrics.log", env=environment, cwd=REPOSITORY)
    with running(process):
        process.wait_until(lambda: "metrics_started" in process.output, "metrics started")
        url = f"http://127.0.0.1:{port}"
        found = Scrape(httpx.get(f"{url}/metrics").text)
        assert found("mailmanager_spool_oldest_seconds") == 0
        assert found("mailmanager_http_requests_total") == scrape()("mailmanager_http_requests_total")
        assert httpx.get(f"{url}/").status_code == 404
        wrong = {"Authorization": "Bearer wrong"}
        assert httpx.get(f"{url}/metrics", headers=wrong).status_code == 403
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not process.is_running, "metrics stopped")
        assert process.exit_code == 0
