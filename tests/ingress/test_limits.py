"""Limits and time-outs, with a started ingress where sockets matter."""

import socket

import pytest

from core import reply
from core.cidr import NetworkSet
from ingress.logic.limits import Concurrency, Rate
from tests.ingress.machine import HOST_NAME, served

_NOBODY = NetworkSet([])


def test_concurrency_counts_each_key_for_itself():
    limit = Concurrency(2)
    assert [limit.enter("a"), limit.enter("a"), limit.enter("a"), limit.enter("b")] == [
        True,
        True,
        False,
        True,
    ]
    limit.leave("a")
    assert limit.enter("a")


def test_rate_begins_anew_with_each_window():
    rate = Rate(2, 60)
    for _ in range(2):
        assert not rate.is_exceeded("a", 0)
        rate.add("a", 0)
    assert rate.is_exceeded("a", 59)
    assert not rate.is_exceeded("b", 59)
    assert not rate.is_exceeded("a", 60)


def test_zero_is_no_limit():
    rate, concurrency = Rate(0, 60), Concurrency(0)
    for _ in range(1000):
        rate.add("a", 0)
        assert concurrency.enter("a")
    assert not rate.is_exceeded("a", 0)


def test_an_address_has_so_many_connections_and_no_more(make_ingress, dial):
    ingress = make_ingress(served(), max_connections_per_address=2, unlimited_networks=_NOBODY)
    with (
        dial(ingress) as first,
        dial(ingress),
        dial(ingress) as third,
        dial(ingress, source="127.0.0.9") as other,
    ):
        assert third.heard(reply.TOO_MANY_CONNECTIONS)
        assert third.is_closed
        assert other.heard(220)
        first.says("QUIT")
        assert first.is_closed
        with dial(ingress) as next_one:
            assert next_one.heard(220)


def test_an_address_may_come_so_often_in_a_minute(make_ingress, dial):
    ingress = make_ingress(served(), max_new_connections_per_minute=2, unlimited_networks=_NOBODY)
    for expected in (220, 220, 421):
        with dial(ingress) as peer:
            assert peer.heard(expected)


def test_a_full_process_says_so(make_ingress, dial):
    ingress = make_ingress(served(), max_connections=1)
    with dial(ingress), dial(ingress) as second:
        assert second.heard(reply.SERVER_BUSY)


def test_idle_sessions_are_ended(make_ingress, dial):
    ingress = make_ingress(served(), idle_timeout_seconds=0.3)
    with dial(ingress) as peer:
        peer.sends(b"NOO")  # a beginning is no command
        assert peer.hears().lines == (str(reply.IDLE_TIMEOUT),)
        assert peer.is_closed


def test_content_that_trickles_is_refused(make_ingress, dial, monkeypatch):
    monkeypatch.setattr("ingress.session._RATE_WINDOW_SECONDS", 0.5)
    ingress = make_ingress(served(), min_bytes_per_second=1000)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        peer.sends(b"a\r\n")
        assert peer.hears().lines == (str(reply.TOO_SLOW),)
    assert ingress.engine.budget.used_bytes == 0


def test_a_peer_that_vanishes_amid_data_leaves_nothing_behind(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        peer.sends(b"text\r\n" * 1000)
    with dial(ingress) as peer:  # by its greeting the former connection's end was seen
        assert peer.heard(220)
        peer.says("NOOP")
    assert ingress.engine.budget.used_bytes == 0
    assert ingress.stored == []


def test_a_peer_that_sends_all_and_closes_its_side_hears_the_reply(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        peer.sends(b"text\r\n.\r\n")
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.hears().code == 250
    assert len(ingress.stored) == 1


def test_a_refused_sender_hears_why_though_it_sends_on(make_ingress, dial):
    """Closed at once, the kernel would answer with a reset and the reply be lost."""
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        peer.sends(b"bare\n" + b"text\r\n" * 100_000)
        assert peer.hears().lines == (str(reply.BARE_LINE_ENDING),)


@pytest.mark.parametrize(
    ("header", "peer_address"),
    [
        (b"PROXY TCP4 192.0.2.9 127.0.0.1 1234 25\r\n", "192.0.2.9"),
        (b"PROXY TCP6 2001:db8::9 2001:db8::1 1234 25\r\n", "2001:db8::9"),
        (
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 10, 127, 0, 0, 1, 4, 210, 0, 25]),
            "192.0.2.10",
        ),
    ],
)
def test_a_balancers_header_tells_the_client(make_ingress, dial, header, peer_address):
    ingress = make_ingress(served(), proxy_networks=NetworkSet(["127.0.0.0/8"]))
    with dial(ingress, greeting=False) as peer:
        for byte in header[:10]:
            peer.sends(bytes([byte]))
        peer.sends(header[10:] + b"EHLO c.example\r\n")
        assert peer.hears().lines == (str(reply.greeting(HOST_NAME)),)
        peer.hears()
        peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        assert peer.sends_message(b"text\r\n").code == 250
    assert ingress.stored[0][0].peer_address == peer_address


@pytest.mark.parametrize(
    "beginning", [b"EHLO c.example\r\n", b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 200 + b"\r\n"]
)
def test_from_a_balancer_nothing_but_a_header_is_taken(make_ingress, dial, beginning):
    ingress = make_ingress(served(), proxy_networks=NetworkSet(["127.0.0.0/8"]))
    with dial(ingress, greeting=False) as peer:
        peer.sends(beginning)
        assert peer.is_closed


def test_a_balancers_header_that_never_comes_ends_the_connection(make_ingress, dial):
    ingress = make_ingress(
        served(), proxy_networks=NetworkSet(["127.0.0.0/8"]), handshake_timeout_seconds=0.2
    )
    with dial(ingress, greeting=False) as peer:
        assert peer.is_closed


def test_a_header_from_anybody_else_is_a_mistake(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("PROXY TCP4 192.0.2.9 127.0.0.1 1234 25")
        assert peer.heard(reply.COMMAND_UNKNOWN)
