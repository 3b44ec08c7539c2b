"""Mail of our own finds its way by MX, or goes to the smarthost."""

import asyncio

import dns.rcode
import pytest

from mailflow.actions.contract import Finish
from mailflow.outbound import send

CONTENT = b"Subject: Undeliverable\r\n\r\nSorry.\r\n"
TO = "a@x.example"


@pytest.fixture
def peer(smtp_peer, settings):
    """The server on the port that all MX hosts have here."""
    settings.OUTBOUND_PORT = smtp_peer.port
    return smtp_peer


@pytest.fixture
def zone(zone, settings):
    settings.RESOLVER = f"{zone.host}:{zone.port}"
    return zone


def outcome(recipient=TO):
    result = asyncio.run(send("", recipient, CONTENT))
    return result.finish, result.status


def test_a_bounce_goes_to_the_mx(zone, peer):
    zone.add("x.example", "MX", "10 mx.x.example.")
    zone.add("mx.x.example", "A", peer.host)
    result = asyncio.run(send("", TO, CONTENT))
    assert (result.recipient, result.finish, result.remote) == (TO, Finish.DONE, "mx.x.example")
    (message,) = peer.wait_for(1)
    assert (message.reverse_path, message.forward_paths, message.content) == ("", (TO,), CONTENT)


def test_exchangers_are_tried_by_preference(zone, peer):
    zone.add("x.example", "MX", "30 far.example.", "10 dead.example.", "20 near.example.")
    zone.add("dead.example", "A", "127.0.0.99")
    zone.add("near.example", "A", peer.host)
    zone.add("far.example", "A", peer.host)
    result = asyncio.run(send("", TO, CONTENT))
    assert (result.finish, result.remote) == (Finish.DONE, "near.example")


def test_a_temporary_refusal_goes_on_to_the_next_and_a_permanent_one_does_not(zone, peer):
    zone.add("x.example", "MX", "10 one.example.", "20 two.example.")
    zone.add("one.example", "A", peer.host)
    zone.add("two.example", "A", peer.host)
    peer.answers("RCPT", "450 4.2.0 Busy", times=1)
    assert outcome()[0] is Finish.DONE
    assert peer.connections == 2
    peer.answers("RCPT", "550 5.1.1 No such user")
    assert outcome() == (Finish.PERMANENT, "5.1.1")
    assert peer.connections == 3


def test_without_mx_the_domain_itself_is_the_host(zone, peer):
    zone.add("x.example", "A", peer.host)
    assert outcome()[0] is Finish.DONE


def test_an_address_literal_is_the_host(peer):
    assert outcome(f"a@[{peer.host}]")[0] is Finish.DONE


def test_a_null_mx_takes_no_mail(zone, peer):
    zone.add("x.example", "MX", "0 .")
    zone.add("x.example", "A", peer.host)
    assert outcome() == (Finish.PERMANENT, "5.1.10")
    assert peer.connections == 0


def test_a_domain_that_does_not_exist_is_permanent(zone):
    zone.add("y.example", "A", "127.0.0.1")
    assert outcome() == (Finish.PERMANENT, "5.1.2")


def test_a_name_server_that_fails_is_temporary(zone):
    zone.fail("x.example", dns.rcode.SERVFAIL)
    assert outcome() == (Finish.TEMPORARY, "4.4.3")


def test_an_exchanger_without_address_is_temporary(zone):
    zone.add("x.example", "MX", "10 mx.x.example.")
    assert outcome()[0] is Finish.TEMPORARY


@pytest.mark.parametrize(
    "recipient", ["postmaster", "a@", "a@[nothing]", "a@[]", f"a@{'x' * 64}.example", "a@x..example"]
)
def test_an_address_that_leads_nowhere_is_permanent(zone, recipient):
    assert outcome(recipient)[0] is Finish.PERMANENT


@pytest.mark.parametrize("port", ["", ":{port}"])
def test_a_smarthost_takes_all_and_no_mx_is_asked(zone, peer, settings, port):
    settings.SMARTHOST = peer.host + port.format(port=peer.port)
    assert outcome()[0] is Finish.DONE
    assert zone.questions == []


def test_tls_is_used_when_offered(zone, make_smtp_peer, server_tls, settings):
    peer = make_smtp_peer(tls=server_tls)
    settings.OUTBOUND_PORT = peer.port
    zone.add("x.example", "A", peer.host)
    assert outcome()[0] is Finish.DONE
    assert peer.wait_for(1)[0].is_tls
