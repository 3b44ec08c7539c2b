"""A flood of TLS handshakes: few are worked on at once, the rest wait, and mail under way goes on."""

import asyncio
from contextlib import ExitStack

from core import reply
from ingress import handshakes
from ingress.handshakes import Handshakes, Turn
from tests.ingress.machine import served
from tests.servers.certificates import client_context
from tests.servers.process import wait_until


def test_who_has_to_wait_gets_its_turn_when_another_is_done(make_ingress, dial):
    ingress = make_ingress(served(), max_handshakes=1)
    with dial(ingress) as first, dial(ingress) as second:
        first.says("EHLO c.example", "STARTTLS")
        second.says("EHLO c.example")
        second.sends(b"STARTTLS\r\n")
        first.socket = client_context().wrap_socket(first.socket)
        assert second.hears().code == 220
        assert first.says("EHLO c.example").code == 250


def test_a_peer_that_stalls_holds_nobody_up_for_long(make_ingress, dial, monkeypatch):
    monkeypatch.setattr(handshakes, "_WORK_SECONDS", 0.2)
    ingress = make_ingress(served(), max_handshakes=1)
    with dial(ingress) as first, dial(ingress) as second:
        first.says("EHLO c.example", "STARTTLS")
        second.says("EHLO c.example")
        second.starts_tls(client_context())
        assert second.says("EHLO c.example").code == 250


def test_beyond_those_who_wait_a_client_shall_come_again_and_mail_under_way_goes_on(
    make_ingress, dial, monkeypatch
):
    monkeypatch.setattr(handshakes, "_WORK_SECONDS", 600.0)
    ingress = make_ingress(served(), max_handshakes=1)
    with ExitStack() as stack, dial(ingress) as under_way:
        under_way.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        peers = [stack.enter_context(dial(ingress)) for _ in range(12)]
        for peer in peers:
            peer.says("EHLO c.example")
        peers[0].says("STARTTLS")
        for peer in peers[1:11]:
            peer.sends(b"STARTTLS\r\n")
        wait_until(lambda: len(ingress.engine.handshakes._waiting) == 10, "ten wait for their turn")
        assert peers[11].says("STARTTLS").lines == (str(reply.TLS_UNAVAILABLE),)
        under_way.says("RCPT TO:<b@y.example>", "DATA")
        assert under_way.sends_message(b"Subject: x\r\n\r\nx\r\n").code == 250
    with dial(ingress) as later:  # those who hung up while they waited hold no turn
        later.says("EHLO c.example")
        later.starts_tls(client_context())
        assert later.says("EHLO c.example").code == 250


def test_waiting_ends_in_time():
    """On a loop of its own: over the wire the handshake of the one who has the turn would end as soon."""

    async def outcomes() -> tuple[Turn | None, Turn | None, Turn | None]:
        limited = Handshakes(asyncio.get_running_loop(), 1, most_seconds=0.05)
        first = await limited.turn()
        assert first is not None
        second = await limited.turn()
        first.end()
        return first, second, await limited.turn()

    first, second, third = asyncio.run(outcomes())
    assert (first is None, second is None, third is None) == (False, True, False)


def test_who_waited_in_vain_may_come_again(make_ingress, dial, monkeypatch):
    monkeypatch.setattr(handshakes, "_WORK_SECONDS", 600.0)
    ingress = make_ingress(served(), max_handshakes=1)
    monkeypatch.setattr(ingress.engine.handshakes, "_most_seconds", 0.1)
    with dial(ingress) as first, dial(ingress) as second:
        first.says("EHLO c.example", "STARTTLS")
        second.says("EHLO c.example")
        assert second.says("STARTTLS").lines == (str(reply.TLS_UNAVAILABLE),)
        first.socket = client_context().wrap_socket(first.socket)
        assert first.says("EHLO c.example").code == 250
        second.starts_tls(client_context())
        assert second.says("EHLO c.example").code == 250


def test_a_handshake_that_cannot_begin_holds_no_turn(make_ingress, dial, monkeypatch):
    def broken(*arguments, **named):
        raise RuntimeError("inside words")

    monkeypatch.setattr("ingress.starttls.TlsTransport", broken)
    ingress = make_ingress(served(), max_handshakes=1)
    for _ in range(3):
        with dial(ingress) as peer:
            peer.says("EHLO c.example", "STARTTLS")
            assert peer.hears().code == 451
            assert "inside words" not in str(peer.last)
    assert not ingress.engine.handshakes._turns
