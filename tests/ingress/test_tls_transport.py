"""TLS as clients meet it on the wire: how bytes are cut, how either side says goodbye, large messages."""

import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core import reply
from tests.ingress.machine import served
from tests.servers.certificates import client_context
from tests.servers.dial import Peer
from tests.servers.process import wait_until

_LINE = b"All of it, in the order in which it was said, and by whom it was.\r\n"
VERSIONS = [
    pytest.param(version, id=version.name) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
]


class Cut:
    """A client whose TLS is apart from its socket, so that the test says what is sent with what, and when."""

    def __init__(self, peer: Peer, version: ssl.TLSVersion) -> None:
        assert peer.says("STARTTLS").code == 220
        context = client_context()
        context.minimum_version = context.maximum_version = version
        self.socket = peer.socket
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)

    def shakes_hands(self, piece_bytes: int = 1 << 20, *, first_line: bytes = b"") -> None:
        """With what it sends cut into pieces, and `first_line` in one piece with the end of its part."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.sends(piece_bytes)
                self.reads()
            else:
                self.sends(piece_bytes, first_line)
                return

    def sends(self, piece_bytes: int = 1 << 20, line: bytes = b"") -> None:
        if line:
            self._tls.write(line)
        flight = self._outgoing.read()
        for at in range(0, len(flight), piece_bytes):
            self.socket.sendall(flight[at : at + piece_bytes])

    def reads(self) -> bool:
        """Whether anything came."""
        came = self.socket.recv(65536)
        self._incoming.write(came)
        return bool(came)

    def hears(self) -> bytes:
        """The next of what the server says; b"" when it has said goodbye."""
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLZeroReturnError:  # both have said goodbye
                return b""
            except ssl.SSLWantReadError:
                assert self.reads(), "the server went without a goodbye"

    def says_goodbye(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.sends()


@pytest.fixture
def secured(make_ingress, dial):
    """`secured(ingress)`: a client that has shaken hands and said EHLO."""

    @contextmanager
    def connect(ingress, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[Peer]:
        context = client_context()
        context.minimum_version = context.maximum_version = version
        with dial(ingress) as peer:
            peer.says("EHLO c.example")
            peer.starts_tls(context)
            assert peer.says("EHLO c.example").code == 250
            yield peer

    return connect


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_may_come_byte_by_byte(make_ingress, dial, version):
    with dial(make_ingress(served())) as peer:
        peer.says("EHLO c.example")
        client = Cut(peer, version)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.shakes_hands(piece_bytes=1)
        client.sends(line=b"EHLO c.example\r\n", piece_bytes=1)
        assert client.hears().startswith(b"250-")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_comes_with_the_end_of_the_handshake_is_read(make_ingress, dial, version):
    with dial(make_ingress(served())) as peer:
        peer.says("EHLO c.example")
        client = Cut(peer, version)
        # TLS 1.2's server has the last word: there the client has to wait for it.
        client.shakes_hands(first_line=b"EHLO c.example\r\nNOOP\r\n")
        heard = client.hears()
        while not heard.endswith(reply.OK.wire):
            heard += client.hears()
        assert heard.startswith(b"250-")


def test_the_last_reply_comes_with_a_goodbye(make_ingress, dial):
    with dial(make_ingress(served())) as peer:
        peer.says("EHLO c.example")
        client = Cut(peer, ssl.TLSVersion.TLSv1_3)
        client.shakes_hands()
        client.sends(line=b"QUIT\r\n")
        assert client.hears() == reply.BYE.wire
        assert client.hears() == b""


def test_who_is_sent_away_hears_why_and_a_goodbye(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        client = Cut(peer, ssl.TLSVersion.TLSv1_3)
        client.shakes_hands(first_line=b"EHLO c.example\r\n")
        client.hears()
        stopping = threading.Thread(target=ingress.stop)
        stopping.start()
        assert client.hears() == reply.SHUTTING_DOWN.wire
        assert client.hears() == b""
        client.socket.close()
        stopping.join()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("has_manners", [True, False], ids=["goodbye", "end of stream"])
def test_whose_side_is_closed_still_hears_what_became_of_its_message(
    make_ingress, dial, version, has_manners
):
    ingress = make_ingress(served())
    ingress.spool.gate = threading.Event()
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        client = Cut(peer, version)
        client.shakes_hands()
        for line in (b"EHLO c.example", b"MAIL FROM:<a@x.example>", b"RCPT TO:<b@y.example>", b"DATA"):
            client.sends(line=line + b"\r\n")
            client.hears()
        client.sends(line=b"text\r\n.\r\n")
        wait_until(lambda: ingress.spool._storing, "it is being stored")
        if has_manners:
            client.says_goodbye()
        else:
            client.socket.shutdown(socket.SHUT_WR)
        ingress.spool.gate.set()
        assert client.hears().startswith(b"250 ")
        assert client.hears() == b""
    assert len(ingress.stored) == 1


def test_a_client_that_goes_during_its_handshake_is_forgotten(make_ingress, dial):
    ingress = make_ingress(served(), max_handshakes=1)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "STARTTLS")
    wait_until(lambda: not ingress.engine.sessions, "it is forgotten")
    with dial(ingress) as peer:  # and holds no turn
        peer.says("EHLO c.example")
        peer.starts_tls(client_context())
        assert peer.says("EHLO c.example").code == 250


def test_garbage_in_a_session_ends_it_with_an_alert(make_ingress, dial, secured):
    ingress = make_ingress(served())
    with secured(ingress) as peer:
        assert isinstance(peer.socket, ssl.SSLSocket)
        with socket.socket(fileno=os.dup(peer.socket.fileno())) as raw:
            raw.sendall(b"MAIL FROM:<a@x.example>\r\n")  # in the clear
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            peer.socket.recv(1000)
    wait_until(lambda: not ingress.engine.sessions, "it is forgotten")
    with secured(ingress) as peer:
        assert peer.says("NOOP").code == 250


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("megabytes", [0.5, 20], ids=["in memory", "in a file"])
@pytest.mark.parametrize("is_bdat", [False, True], ids=["DATA", "BDAT"])
def test_large_messages_arrive_whole(make_ingress, secured, version, megabytes, is_bdat):
    ingress = make_ingress(served())
    content = _LINE * int(megabytes * 1_000_000 / len(_LINE))
    with secured(ingress, version) as peer:
        peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>")
        if is_bdat:
            half = len(content) // 2 + 7
            for command, chunk in (
                (f"BDAT {half}", content[:half]),
                (f"BDAT {len(content) - half} LAST", content[half:]),
            ):
                peer.sends(command.encode() + b"\r\n" + chunk)
                assert peer.hears().code == 250
        else:
            peer.says("DATA")
            assert peer.sends_message(content).code == 250
    [(_, stored)] = ingress.stored
    assert hashlib.sha256(stored[-len(content) :]).digest() == hashlib.sha256(content).digest()
