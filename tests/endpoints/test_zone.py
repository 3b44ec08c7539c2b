"""What the zone answers: names there, names not there, names between, and what is no question."""

import random

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.update
import pytest

from endpoints.logic import zone as logic
from endpoints.logic.zone import make_zone

ORIGIN = "mail-manager-smtp.corp.example"
HOST = f"890123abcdef.ghijk.{ORIGIN}"
ZONE = make_zone(
    ORIGIN,
    serial=2**32 + 7,
    hosts={HOST: ["192.0.2.1", "2001:db8::1"], f"b.ghijk.{ORIGIN}": ["192.0.2.2"]},
    name_servers=[f"ns.{ORIGIN}", "ns.other.example"],
    name_server_addresses=["192.0.2.53"],
)


def ask(name, kind="A", *, is_udp=True, zone=ZONE, **options):
    wire = answer(zone, dns.message.make_query(name, kind, **options).to_wire(), is_udp=is_udp)
    return dns.message.from_wire(wire)


def answer(zone, wire, *, is_udp):
    response = logic.answer(zone, wire, is_udp=is_udp)
    assert response is not None, "deserves an answer"
    return response


def texts(section):
    return [str(rdata) for rrset in section for rdata in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        (HOST, "A", ["192.0.2.1"]),
        (HOST, "AAAA", ["2001:db8::1"]),
        (HOST.upper(), "A", ["192.0.2.1"]),
        (HOST, "ANY", ["192.0.2.1", "2001:db8::1"]),
        (f"b.ghijk.{ORIGIN}", "A", ["192.0.2.2"]),
        (ORIGIN, "NS", [f"ns.{ORIGIN}.", "ns.other.example."]),
        (f"ns.{ORIGIN}", "A", ["192.0.2.53"]),
        (ORIGIN, "SOA", [f"ns.{ORIGIN}. hostmaster.corp.example. 7 3600 600 604800 5"]),
    ],
)
def test_what_is_there_is_answered_with_authority(name, kind, values):
    response = ask(name, kind)
    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.AA
    assert not response.flags & dns.flags.RA
    assert sorted(texts(response.answer)) == values
    assert response.answer[0].name.to_text() == f"{name}."  # the case as it was asked in
    assert not response.authority


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        (HOST, "MX", "NOERROR"),
        (HOST, "TXT", "NOERROR"),
        (f"b.ghijk.{ORIGIN}", "AAAA", "NOERROR"),
        (ORIGIN, "A", "NOERROR"),
        (f"ghijk.{ORIGIN}", "A", "NOERROR"),  # nothing itself, but names below it
        (f"ghijk.{ORIGIN}", "ANY", "NOERROR"),
        (f"nobody.ghijk.{ORIGIN}", "A", "NXDOMAIN"),
        (f"ghijq.{ORIGIN}", "A", "NXDOMAIN"),
        (f"below.{HOST}", "A", "NXDOMAIN"),
    ],
)
def test_what_is_not_there_is_told_with_the_soa(name, kind, rcode):
    response = ask(name, kind)
    assert response.rcode() == dns.rcode.from_text(rcode)
    assert not response.answer
    (soa,) = response.authority
    assert (soa.name.to_text(), soa.rdtype, soa.ttl) == (f"{ORIGIN}.", dns.rdatatype.SOA, 5)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("corp.example", "A", {}),
        (f"x{ORIGIN}", "A", {}),
        (".", "NS", {}),
        (HOST, "A", {"rdclass": "CH"}),
        (HOST, "A", {"rdclass": "ANY"}),
        (ORIGIN, "AXFR", {}),
    ],
)
def test_what_is_not_ours_to_say_is_refused(name, kind, options):
    response = ask(name, kind, **options)
    assert response.rcode() == dns.rcode.REFUSED
    assert not response.answer
    assert not response.flags & dns.flags.AA


def test_only_queries_are_understood():
    update = dns.update.UpdateMessage(ORIGIN)
    update.add("evil", 60, "A", "203.0.113.1")
    response = dns.message.from_wire(answer(ZONE, update.to_wire(), is_udp=True))
    assert (response.rcode(), response.opcode(), response.id) == (
        dns.rcode.NOTIMP,
        dns.opcode.UPDATE,
        update.id,
    )


def test_responses_and_scraps_are_not_answered():
    query = dns.message.make_query(HOST, "A")
    assert logic.answer(ZONE, dns.message.make_response(query).to_wire(), is_udp=True) is None
    for length in range(12):
        assert logic.answer(ZONE, query.to_wire()[:length], is_udp=True) is None


def test_malformed_queries_are_told_so():
    query = dns.message.make_query(HOST, "A").to_wire()
    for length in range(12, len(query)):
        response = dns.message.from_wire(answer(ZONE, query[:length], is_udp=True))
        assert response.rcode() == dns.rcode.FORMERR
        assert response.id == int.from_bytes(query[:2], "big")
    empty = dns.message.Message()
    assert dns.message.from_wire(answer(ZONE, empty.to_wire(), is_udp=True)).rcode() == dns.rcode.FORMERR


def test_two_questions_are_one_too_many():
    query = dns.message.make_query(HOST, "A")
    query.question.append(dns.message.make_query(HOST, "AAAA").question[0])
    assert dns.message.from_wire(answer(ZONE, query.to_wire(), is_udp=True)).rcode() == dns.rcode.FORMERR


def test_an_unknown_edns_version_is_said():
    response = ask(HOST, use_edns=1)
    assert response.rcode() == dns.rcode.BADVERS
    assert not response.answer


def test_edns_says_what_we_take_and_plain_dns_stays_plain():
    assert ask(HOST, use_edns=0, payload=4096).payload == 1232
    assert ask(HOST, use_edns=False).edns == -1


def test_what_is_too_large_for_a_datagram_is_truncated():
    hosts = {f"many.ghijk.{ORIGIN}": [f"192.0.2.{number}" for number in range(100)]}
    large = make_zone(ORIGIN, serial=1, hosts=hosts, name_servers=["ns.other.example"])
    name = next(iter(hosts))
    for options, limit in (({"use_edns": False}, 512), ({"use_edns": 0, "payload": 8192}, 1232)):
        wire = answer(large, dns.message.make_query(name, "A", **options).to_wire(), is_udp=True)
        assert len(wire) <= limit
        assert dns.message.from_wire(wire).flags & dns.flags.TC
    assert len(texts(ask(name, is_udp=False, zone=large).answer)) == 100


def test_hostile_bytes_never_raise():
    random.seed(11)
    query = dns.message.make_query(HOST, "A", use_edns=0).to_wire()
    for _ in range(3000):
        wire = bytearray(query)
        for _ in range(random.randint(1, 6)):
            wire[random.randrange(len(wire))] = random.randrange(256)
        logic.answer(ZONE, bytes(wire), is_udp=random.random() < 0.5)
        logic.answer(ZONE, random.randbytes(random.randrange(80)), is_udp=True)
