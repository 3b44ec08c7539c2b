"""`manage.py runingress` as it runs in production: its own process, the databases, signals."""

import signal
import subprocess
import sys

import pytest

from core import reply
from endpoints.models import IngressEndpoint
from mailflow.models import RecipientTrace, SpoolContent, SpoolMessage
from resources.services import bump_configuration
from tests.ingress.conftest import ADDRESSES
from tests.servers.process import wait_until
from tests.servers.worker import REPOSITORY

pytestmark = pytest.mark.django_db(transaction=True)


def _deliver(dial, address: str, port: int, text: bytes = b"text\r\n") -> str:
    """The message ID."""
    with dial((address, port)) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        heard = peer.sends_message(text)
        assert heard.code == 250, heard
        peer.says("QUIT")
        return str(heard).rpartition(" ")[2]


def test_mail_is_in_the_spool_before_its_250_and_refusals_in_the_trace(make_endpoint, start, dial):
    endpoint = make_endpoint(ADDRESSES[0])
    process, port = start()
    message_id = _deliver(dial, ADDRESSES[0], port)
    assert SpoolMessage.objects.get(pk=message_id).envelope["endpoint_id"] == endpoint.id
    assert bytes(SpoolContent.objects.get(pk=message_id).content).endswith(b"\r\ntext\r\n")
    with dial((ADDRESSES[0], port)) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<blocked@y.example>")
        assert peer.heard(reply.ACCESS_DENIED)
    assert process.stop() == 0
    assert RecipientTrace.objects.get().mailbox == "blocked@y.example"
    assert '"event": "message_accepted"' in process.output
    assert '"event": "ingress_stopped"' in process.output


def test_a_large_message_is_in_the_spool_too(make_endpoint, start, dial):
    make_endpoint(ADDRESSES[0])
    process, port = start()
    text = b"Subject: large\r\n\r\n" + b"All of it, in the order in which it was said.\r\n" * 100_000
    message_id = _deliver(dial, ADDRESSES[0], port, text)
    content = bytes(SpoolContent.objects.get(pk=message_id).content)
    assert content.startswith(b"Received: from c.example")
    assert content.endswith(b"\r\n" + text)
    assert SpoolMessage.objects.get(pk=message_id).size_bytes == len(content)
    assert process.stop() == 0


def test_what_is_configured_while_it_runs_takes_effect(make_endpoint, start, dial):
    first = make_endpoint(ADDRESSES[0])
    process, port = start()
    with dial((ADDRESSES[0], port)) as peer:
        make_endpoint(ADDRESSES[1])
        process.wait_until(lambda: ADDRESSES[1] in process.output, "second endpoint listened on")
        _deliver(dial, ADDRESSES[1], port)
        IngressEndpoint.objects.filter(pk=first.pk).update(status=IngressEndpoint.Status.CLOSED)
        bump_configuration()
        assert peer.hears().lines == (str(reply.ENDPOINT_CLOSED),)
    with dial((ADDRESSES[0], port)) as peer:
        assert peer.heard(reply.ENDPOINT_CLOSED)


def test_sigterm_finishes_the_transaction_under_way(make_endpoint, start, dial):
    make_endpoint(ADDRESSES[0])
    process, port = start()
    with dial((ADDRESSES[0], port)) as busy, dial((ADDRESSES[0], port)) as idle:
        busy.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        process.send_signal(signal.SIGTERM)
        assert idle.hears().lines == (str(reply.SHUTTING_DOWN),)
        assert busy.sends_message(b"text\r\n").code == 250
    wait_until(lambda: not process.is_running, "ingress stopped")
    assert process.exit_code == 0
    assert SpoolMessage.objects.count() == 1


def test_processes_share_the_ports_and_one_that_dies_is_started_again(make_endpoint, start, dial):
    make_endpoint(ADDRESSES[0])
    process, port = start("--processes", "2")
    process.wait_until(lambda: process.output.count("ingress_started") == 2, "both started")
    ids = {_deliver(dial, ADDRESSES[0], port) for _ in range(10)}
    assert SpoolMessage.objects.filter(pk__in=ids).count() == 10
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(children) == 2
    subprocess.run(["kill", "-KILL", children[0]], check=True)
    process.wait_until(lambda: process.output.count("ingress_started") == 3, "another started")
    _deliver(dial, ADDRESSES[0], port)
    assert process.stop() == 0


def test_a_second_ingress_takes_over_before_the_first_one_stops(make_endpoint, start, dial):
    make_endpoint(ADDRESSES[0])
    first, port = start()
    start(port=port)
    assert first.stop() == 0
    for _ in range(5):
        _deliver(dial, ADDRESSES[0], port)


@pytest.mark.parametrize("number", ["0", "-1"])
def test_processes_are_at_least_one(number):
    done = subprocess.run(
        [sys.executable, "manage.py", "runingress", "--processes", number],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "--processes takes 1 or more" in done.stderr
