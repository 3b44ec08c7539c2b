"""The Relay action: whose settings count, who gets which result."""

import tempfile
from pathlib import Path

import pytest

from mailflow.actions.contract import Finish
from relays import services
from tests.mailflow.jobs import CONTENT, job, run
from tests.servers.postfix import Postfix
from tests.servers.process import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def relay(actor, smtp_peer):
    return services.create(actor, name="office", server_name=smtp_peer.host, server_port=smtp_peer.port)


def test_a_relay_gets_the_message_by_id_and_by_arn(relay, smtp_peer):
    results = run(job("Relay", {"Relay": relay.id}), job("Relay", {"Relay": relay.arn}))
    assert [result.finish for result in results] == [Finish.DONE] * 2
    for message in smtp_peer.wait_for(2):
        assert (message.reverse_path, message.forward_paths) == ("a@x.example", ("b@y.example",))
        assert message.content == CONTENT
    assert smtp_peer.connections == 1


def test_only_unfinished_recipients_remain_after_a_partial_failure(relay, smtp_peer):
    smtp_peer.refuses("b@y.example", "450 4.2.0 Busy")
    smtp_peer.refuses("c@y.example", "550 5.1.1 No such user")
    first = run(job("Relay", {"Relay": relay.id}, "a@y.example", "b@y.example", "c@y.example"))
    left = [result.recipient for result in first if result.finish is Finish.TEMPORARY]
    assert left == ["b@y.example"]
    smtp_peer.recovers()
    (second,) = run(job("Relay", {"Relay": relay.id}, *left, attempt=2))
    assert second.finish is Finish.DONE
    assert [message.forward_paths for message in smtp_peer.wait_for(2)] == [
        ("a@y.example",),
        ("b@y.example",),
    ]


def test_settings_are_those_at_the_attempt(actor, relay, smtp_peer, make_smtp_peer):
    smtp_peer.answers("MAIL", "451 4.3.0 Later")
    waiting = job("Relay", {"Relay": relay.id})
    (first,) = run(waiting)
    assert first.finish is Finish.TEMPORARY
    other = make_smtp_peer()
    services.update(actor, relay.id, server_port=other.port)
    (second,) = run(waiting)
    assert second.finish is Finish.DONE
    assert other.wait_for(1)


def test_mail_waits_for_a_relay_that_is_not_there():
    (result,) = run(job("Relay", {"Relay": "r-gone"}))
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.3.5")
    assert "no SMTP relay r-gone" in result.words


def test_tls_that_is_required_and_not_offered_sends_nothing(actor, relay, smtp_peer):
    services.update(actor, relay.id, tls="REQUIRED")
    (result,) = run(job("Relay", {"Relay": relay.id}))
    assert result.finish is Finish.TEMPORARY
    assert smtp_peer.messages == []


def test_a_relays_mx_is_never_asked(actor, smtp_peer, zone, settings):
    settings.RESOLVER = f"{zone.host}:{zone.port}"
    zone.add("relay.example", "A", smtp_peer.host)
    zone.add("relay.example", "MX", "10 mx.elsewhere.example.")
    relay = services.create(actor, name="named", server_name="relay.example", server_port=smtp_peer.port)
    (result,) = run(job("Relay", {"Relay": relay.id}))
    assert (result.finish, result.remote) == (Finish.DONE, "relay.example")
    assert {kind for _, kind in zone.questions} == {"A", "AAAA"}


def test_addresses_are_tried_in_order(actor, smtp_peer, zone, settings):
    settings.RESOLVER = f"{zone.host}:{zone.port}"
    zone.add("relay.example", "A", "127.0.0.99", smtp_peer.host)
    relay = services.create(actor, name="named", server_name="relay.example", server_port=smtp_peer.port)
    (result,) = run(job("Relay", {"Relay": relay.id}))
    assert result.finish is Finish.DONE


def test_a_relays_name_that_does_not_resolve_is_temporary(actor, zone, settings):
    settings.RESOLVER = f"{zone.host}:{zone.port}"
    relay = services.create(actor, name="named", server_name="relay.example", server_port=25)
    (result,) = run(job("Relay", {"Relay": relay.id}))
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.4.1")
    assert "relay.example" in result.words


@pytest.mark.parametrize(("hops", "finish"), [(99, Finish.DONE), (100, Finish.PERMANENT)])
def test_a_loop_ends_after_a_hundred_servers(relay, hops, finish):
    field = b"received: from c.example\r\n by d.example; Fri, 1 Aug 2026 10:00:00 +0000\r\n"
    body = b"\r\n" + b"Received: in the body counts nothing\r\n" * 200
    (result,) = run(job("Relay", {"Relay": relay.id}, content=field * hops + body))
    assert result.finish is finish
    assert result.finish is Finish.DONE or (result.status == "5.4.6" and "loop" in result.words)


def test_smtputf8_is_said_where_the_message_needs_it(relay, smtp_peer):
    content = "Subject: \u3042\r\n\r\n".encode()
    run(job("Relay", {"Relay": relay.id}, "\u3042@y.example", content=content, is_smtputf8=True))
    assert "SMTPUTF8" in smtp_peer.wait_for(1)[0].parameters


@pytest.mark.needs("postfix", "root")
def test_a_real_postfix_takes_groups_of_commands_and_a_large_message(actor):
    content = b"Subject: large\r\n\r\n" + b".dots and m\xc3\xbcnchen\r\n" * 50_000
    recipients = [f"b{number}@y.example" for number in range(60)]
    root = Path(tempfile.mkdtemp(prefix="mm-postfix-"))  # pytest's own are closed to Postfix's user
    with Postfix(root, address="127.0.0.1", resolver="127.0.0.254") as postfix:
        relay = services.create(actor, name="postfix", server_name="127.0.0.1", server_port=postfix.port)
        refused = job("Relay", {"Relay": relay.id}, "b@y.example", "no domain@@", content=content)
        results = run(job("Relay", {"Relay": relay.id}, *recipients, content=content), refused)
        # One connection for both messages.
        wait_until(lambda: "ehlo=1 mail=2 rcpt=61/62 data=2 quit=1" in postfix.log, "its end of the log")
    assert [result.finish for result in results] == [Finish.DONE] * 61 + [Finish.PERMANENT]
    assert "queued as" in results[0].words
