"""Limits and time-outs, with a started ingress where sockets matter."""

import asyncio
import socket
from ipaddress import ip_address

import pytest

from core import reply
from core.cidr import NetworkSet
from ingress.logic.limits import LimitKind, address_of, key_of
from ingress.proxy import BadProxyHeader, ProxyHeader
from tests.ingress.machine import ENDPOINT_ID, HOST_NAME, served
from tests.servers.process import wait_until

_NOBODY = NetworkSet([])


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


def test_all_addresses_of_a_64_are_one():
    peers = [
        ip_address(text) for text in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "32.1.13.184")
    ]
    assert [address_of(key_of(peer)) for peer in peers] == [
        "2001:db8::/64",
        "2001:db8::/64",
        "2001:db8:0:1::/64",
        "32.1.13.184",
    ]
    assert len({key_of(peer) for peer in peers}) == 3


def _send(peer, *recipients: str, content: bytes = b"text\r\n"):
    """What MAIL heard, or in the end the content."""
    heard = peer.says("MAIL FROM:<a@x.example>")
    if heard.code != 250:
        return heard
    peer.says(*(f"RCPT TO:<{one}>" for one in recipients or ("b@y.example",)), "DATA")
    return peer.sends_message(content)


@pytest.mark.parametrize(
    ("limits", "recipients", "content"),
    [
        ({"max_messages_per_address": 2}, ("b@y.example",), b"text\r\n"),
        ({"max_recipients_per_address": 4}, ("b@y.example", "c@y.example"), b"text\r\n"),
        ({"max_bytes_per_address": 2000}, ("b@y.example",), b"x" * 998 + b"\r\n"),
    ],
)
def test_an_address_may_bring_so_much_in_a_minute(make_ingress, dial, limits, recipients, content):
    ingress = make_ingress(served(), **limits, unlimited_networks=_NOBODY)
    with dial(ingress) as peer, dial(ingress, source="127.0.0.9") as other:
        peer.says("EHLO c.example")
        for _ in range(2):
            assert _send(peer, *recipients, content=content).code == 250
        assert _send(peer).lines == (str(reply.TOO_MUCH_MAIL),)
        other.says("EHLO c.example")
        assert _send(other).code == 250
        peer.says("NOOP")  # the session lives on
        assert peer.heard(reply.OK)
    with dial(ingress) as peer:  # a new one has no more to give
        peer.says("EHLO c.example")
        assert _send(peer).lines == (str(reply.TOO_MUCH_MAIL),)
    assert len(ingress.stored) == 3
    assert [one.reply for one in ingress.refusals.kept] == [reply.TOO_MUCH_MAIL] * 2
    (limited,) = ingress.engine.gate.limited(1000.0)
    assert (limited.kind, limited.key, limited.refused) == (
        next(iter(limits)).removeprefix("max_").replace("_per_address", "").join(("address_", "")),
        "127.0.0.1",
        2,
    )
    assert limited.since_at <= 1000 < (limited.until_at or 0) <= 1060


@pytest.mark.parametrize(
    "limits",
    [{"max_messages_per_endpoint": 1}, {"max_recipients_per_endpoint": 1}, {"max_bytes_per_endpoint": 1}],
)
def test_an_endpoint_takes_so_much_in_a_minute_from_whomever(make_ingress, dial, limits):
    ingress = make_ingress(served(), **limits)
    with dial(ingress) as peer, dial(ingress, source="127.0.0.9") as other:
        peer.says("EHLO c.example")
        assert _send(peer).code == 250
        other.says("EHLO c.example")
        assert _send(other).lines == (str(reply.ENDPOINT_HAS_ENOUGH),)
    assert [one.key for one in ingress.engine.gate.limited(0.0)] == [ENDPOINT_ID]


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"max_errors_per_address": 3, "unlimited_networks": _NOBODY}, reply.ADDRESS_HAD_ERRORS),
        ({"max_errors_per_endpoint": 3}, reply.ENDPOINT_HAD_ERRORS),
    ],
)
def test_errors_of_former_sessions_close_the_door(make_ingress, dial, limits, refusal):
    ingress = make_ingress(served(), **limits)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "NONSENSE", "MAIL FROM:<a@x.example>", "RCPT TO:<blocked@y.example>")
        peer.says("RCPT TO:<b@y.example", "QUIT")
        assert peer.is_closed
    with dial(ingress) as peer:
        assert peer.heard(refusal)
        assert peer.is_closed


def test_what_limits_turn_away_is_counted(make_ingress, dial):
    ingress = make_ingress(served(), max_messages_per_address=1, unlimited_networks=_NOBODY)
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        _send(peer)
        for _ in range(3):
            _send(peer)
    assert ingress.engine.gate.refusals() == {LimitKind.ADDRESS_MESSAGES: 3}
    assert ingress.engine.tally.refusals[450, "4.7.1"] == 3


def test_without_limits_on_mail_nobody_is_asked(make_ingress, dial):
    ingress = make_ingress(served(), unlimited_networks=_NOBODY)
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        _send(peer)
        (session,) = ingress.engine.sessions
        assert session.note_message is None


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


def test_who_says_quit_and_reads_no_reply_holds_no_place(make_ingress, dial, monkeypatch):
    monkeypatch.setattr("ingress.session._LINGER_SECONDS", 0.2)
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        (session,) = ingress.engine.sessions
        session.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sends(b"RCPT TO:<b@y.example>\r\n" * 20_000 + b"QUIT\r\n")
        wait_until(lambda: not ingress.engine.sessions, "its place is free")


def test_the_next_message_has_a_window_of_its_own(make_ingress, dial):
    ingress = make_ingress(served())

    async def look(seconds_from_now: float) -> None:
        (session,) = ingress.engine.sessions
        session.check_time(ingress.engine.loop.time() + seconds_from_now)

    with dial(ingress) as peer:
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        ingress.does(look(0))
        assert peer.sends_message(b"text\r\n").code == 250
        peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        ingress.does(look(181))  # in the middle of a message that has just begun
        assert peer.sends_message(b"text\r\n").code == 250


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
        wait_until(lambda: ingress.engine.budget.used_bytes > 0, "bytes in memory")
    wait_until(lambda: ingress.engine.budget.used_bytes == 0, "memory given back")
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
    "header",
    [
        b"PROXY TCP4 192.0.2.9 127.0.0.1 1234 25\r\n",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 10, 127, 0, 0, 1, 4, 210, 0, 25]),
    ],
)
def test_wherever_a_header_ends_early_it_is_a_bad_one(header):
    async def read(part: bytes) -> None:
        beginning = ProxyHeader()
        beginning.feed(part)
        beginning.end()
        with pytest.raises(BadProxyHeader):
            await beginning.read()

    for length in range(len(header) - 2):
        asyncio.run(read(header[:length]))


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
