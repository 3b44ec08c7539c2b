"""A small authoritative DNS server (UDP and TCP) for the tests' own names."""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.servers.ports import free_port

HOST = "127.0.0.1"
TTL = 5
FORWARD_TIMEOUT_SECONDS = 5.0


class Zone:
    """Static records; what is asked is kept in `questions` as (name, type)."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.questions: list[tuple[str, str]] = []
        self._records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], list[str]] = {}
        self._failing: dict[dns.name.Name, dns.rcode.Rcode] = {}
        self._delegated: dict[dns.name.Name, tuple[str, int]] = {}

    def add(self, name: str, kind: str, *values: str) -> None:
        """`zone.add("example.com", "MX", "10 mx.example.com.")`; names in values end with a dot."""
        key = dns.name.from_text(name), dns.rdatatype.from_text(kind)
        self._records.setdefault(key, []).extend(values)

    def remove(self, name: str, kind: str) -> None:
        del self._records[dns.name.from_text(name), dns.rdatatype.from_text(kind)]

    def fail(self, name: str, rcode: dns.rcode.Rcode = dns.rcode.SERVFAIL) -> None:
        """Every question about `name` gets that answer."""
        self._failing[dns.name.from_text(name)] = rcode

    def delegate(self, suffix: str, address: tuple[str, int]) -> None:
        """Ask the server at `address` about `suffix` and all names below it, as a resolver would."""
        self._delegated[dns.name.from_text(suffix)] = address

    def clear(self) -> None:
        for kept in (self.questions, self._records, self._failing, self._delegated):
            kept.clear()

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        self.questions.append(
            (question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype))
        )
        for suffix, (host, port) in self._delegated.items():
            if question.name.is_subdomain(suffix):
                return _forward(query, host, port)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        if question.name in self._failing:
            response.set_rcode(self._failing[question.name])
        elif not self._resolve(question.name, question.rdtype, response):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _resolve(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType, response: dns.message.Message
    ) -> bool:
        """Adds what is known, following CNAMEs; whether the name exists at all."""
        for _ in range(8):
            values = self._records.get((name, kind))
            if values:
                response.answer.append(dns.rrset.from_text_list(name, TTL, "IN", kind, values))
                return True
            alias = self._records.get((name, dns.rdatatype.CNAME))
            if not alias:
                return any(known == name for known, _ in self._records)
            response.answer.append(dns.rrset.from_text(name, TTL, "IN", "CNAME", alias[0]))
            name = dns.name.from_text(alias[0])
        return True


def _forward(query: dns.message.Message, host: str, port: int) -> dns.message.Message:
    try:
        answer, _ = dns.query.udp_with_fallback(query, host, timeout=FORWARD_TIMEOUT_SECONDS, port=port)
    except (dns.exception.DNSException, OSError):
        answer = dns.message.make_response(query)
        answer.set_rcode(dns.rcode.SERVFAIL)
    answer.flags |= dns.flags.RA
    return answer


def _zone_of(server: socketserver.BaseServer) -> Zone:
    assert isinstance(server, _UdpServer | _TcpServer)
    return server.zone


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, server_socket = self.request
        query = dns.message.from_wire(wire)
        answer = _zone_of(self.server).answer(query)
        limit = query.payload or 512  # RFC 6891 §6.2.3, RFC 1035 §4.2.1
        try:
            response = answer.to_wire(max_size=limit)
        except dns.exception.TooBig:
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.TC
            response = answer.to_wire()
        server_socket.sendto(response, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while len(head := self.rfile.read(2)) == 2:
            query = dns.message.from_wire(self.rfile.read(struct.unpack("!H", head)[0]))
            answer = _zone_of(self.server).answer(query)
            wire = answer.to_wire()
            self.wfile.write(struct.pack("!H", len(wire)) + wire)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    zone: Zone


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    zone: Zone


@contextlib.contextmanager
def serve_zone(host: str = HOST, port: int = 0) -> Iterator[Zone]:
    """`port` 0: a free one. Who reads resolv.conf can be told no other than 53."""
    port = port or free_port(host, kinds=(socket.SOCK_DGRAM, socket.SOCK_STREAM))
    zone = Zone(host, port)
    with contextlib.ExitStack() as stack:
        udp = stack.enter_context(_UdpServer((host, port), _Datagram))
        tcp = stack.enter_context(_TcpServer((host, port), _Stream))
        for server in (udp, tcp):
            server.zone = zone
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield zone
