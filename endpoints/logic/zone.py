"""The zone of the endpoints' names, and what an authoritative server answers about it (RFC 1034, 1035).

Bytes in, bytes out, over dnspython's messages: the server around it (endpoints/dns_server.py) only moves
them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset

RECORD_TTL_SECONDS = 60  # an address may move to another endpoint after its rest, far longer than this
NEGATIVE_TTL_SECONDS = 5  # a name asked for a moment too early is there on the next try (RFC 2308 §5)
_REFRESH, _RETRY, _EXPIRE = 3600, 600, 604800  # for secondaries, which there are none of: usual values

HEADER_BYTES = 12  # RFC 1035 §4.1.1
MIN_UDP_BYTES = 512  # RFC 1035 §4.2.1
MAX_UDP_BYTES = 1232  # what no path fragments: IPv6's 1280 less headers (DNS flag day 2020)
_IS_RESPONSE, _OPCODE_BITS = 0x80, 0x78  # of the header's third octet
_TRANSFERS = frozenset({dns.rdatatype.AXFR, dns.rdatatype.IXFR})

Records = dict[dns.rdatatype.RdataType, dns.rdataset.Rdataset]


@dataclass(frozen=True, slots=True)
class Zone:
    """`records`: of each name that has any. `names`: these, and the empty ones between them and the
    origin, which exist as well (RFC 8020)."""

    origin: dns.name.Name
    records: Mapping[dns.name.Name, Records] = field(default_factory=dict)
    names: frozenset[dns.name.Name] = frozenset()

    @property
    def soa(self) -> dns.rdataset.Rdataset:
        return self.records[self.origin][dns.rdatatype.SOA]


def make_zone(
    origin: str,
    *,
    serial: int,
    hosts: Mapping[str, Iterable[str]],
    name_servers: Iterable[str],
    name_server_addresses: Iterable[str] = (),
) -> Zone:
    """`origin` and all names without trailing dot; `hosts`: name in the zone → its IP addresses (text).

    `name_servers`: of the NS records; those inside the zone get `name_server_addresses`.
    """
    apex = dns.name.from_text(origin)
    servers = [dns.name.from_text(name) for name in name_servers]
    records: dict[dns.name.Name, Records] = {}

    def add(name: dns.name.Name, kind: str, values: list[str]) -> None:
        rdataset = dns.rdataset.from_text_list("IN", kind, RECORD_TTL_SECONDS, values)
        records.setdefault(name, {})[rdataset.rdtype] = rdataset

    hostmaster = dns.name.from_text("hostmaster", apex.parent())
    soa = f"{servers[0]} {hostmaster} {serial % 2**32} {_REFRESH} {_RETRY} {_EXPIRE} {NEGATIVE_TTL_SECONDS}"
    add(apex, "SOA", [soa])
    add(apex, "NS", [str(server) for server in servers])
    own = {server: list(name_server_addresses) for server in servers if server.is_subdomain(apex)}
    for name, addresses in {**own, **{dns.name.from_text(n): list(a) for n, a in hosts.items()}}.items():
        for kind, values in (
            ("A", [address for address in addresses if ":" not in address]),
            ("AAAA", [address for address in addresses if ":" in address]),
        ):
            if values:
                add(name, kind, values)
    return Zone(apex, records, frozenset(_with_ancestors(records, apex)))


def _with_ancestors(names: Iterable[dns.name.Name], apex: dns.name.Name) -> set[dns.name.Name]:
    found = {apex}
    for name in names:
        while name not in found:
            found.add(name)
            name = name.parent()  # noqa: PLW2901 — upwards
    return found


def answer(zone: Zone, wire: bytes, *, is_udp: bool) -> bytes | None:
    """The response to a datagram or a message of a TCP stream; None: what deserves none."""
    if len(wire) < HEADER_BYTES or wire[2] & _IS_RESPONSE:
        return None  # two servers that answer each other's answers would never end
    if wire[2] & _OPCODE_BITS:  # QUERY is 0
        return _bare(wire, dns.rcode.NOTIMP)
    try:
        query = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):  # ValueError: of values that a record can't have
        return _bare(wire, dns.rcode.FORMERR)
    response = dns.message.make_response(query, our_payload=MAX_UDP_BYTES)
    if query.edns > 0:
        response.set_rcode(dns.rcode.BADVERS)  # RFC 6891 §6.1.3
    elif len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
    else:
        _fill(zone, query.question[0], response)
    limit = max(MIN_UDP_BYTES, min(query.payload, MAX_UDP_BYTES)) if is_udp else 65535
    return response.to_wire(max_size=limit, prefer_truncation=True)


def _bare(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """A header alone: the query's ID, opcode and RD, no section (RFC 1035 §4.1.1)."""
    opcode_and_rd = wire[2] & 0x79
    return wire[:2] + bytes((_IS_RESPONSE | opcode_and_rd, rcode)) + bytes(8)


def _fill(zone: Zone, question: dns.rrset.RRset, response: dns.message.Message) -> None:
    name, kind = question.name, question.rdtype
    is_ours = question.rdclass == dns.rdataclass.IN and name.is_subdomain(zone.origin)
    if not is_ours or kind in _TRANSFERS:
        response.set_rcode(dns.rcode.REFUSED)
        return
    response.flags |= dns.flags.AA
    held = zone.records.get(name, {})
    # ANY: all that there is, which is little (RFC 8482 allows less, and asks for nothing).
    wanted = list(held.values()) if kind == dns.rdatatype.ANY else [held[kind]] if kind in held else []
    response.answer.extend(_rrset(name, rdataset) for rdataset in wanted)
    if not wanted:
        if name not in zone.names:
            response.set_rcode(dns.rcode.NXDOMAIN)
        # RFC 2308 §3: the lesser of TTL and MINIMUM
        response.authority.append(_rrset(zone.origin, zone.soa, ttl_seconds=NEGATIVE_TTL_SECONDS))


def _rrset(
    name: dns.name.Name, rdataset: dns.rdataset.Rdataset, *, ttl_seconds: int = RECORD_TTL_SECONDS
) -> dns.rrset.RRset:
    """Under the name as it was asked for, upper and lower case kept."""
    return dns.rrset.from_rdata_list(name, ttl_seconds, list(rdataset))
