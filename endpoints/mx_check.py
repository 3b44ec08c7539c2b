"""Where a domain's mail goes, as other mail servers see it: whether its MX points to an endpoint."""

from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from django.conf import settings

from core.host import parse_host_and_port

DNS_PORT = 53
LIFETIME_SECONDS = 5.0  # for one question, repetitions included: somebody waits for the page
MAX_HOSTS_LOOKED_UP = 10


class Outcome(StrEnum):
    HERE = "HERE"
    HERE_NOT_FIRST = "HERE_NOT_FIRST"  # another host is preferred
    ELSEWHERE = "ELSEWHERE"
    NO_MX = "NO_MX"  # then mail goes to the domain's own address (RFC 5321 §5.1)
    NULL_MX = "NULL_MX"  # RFC 7505: takes no mail
    NO_DOMAIN = "NO_DOMAIN"
    NO_NAME = "NO_NAME"  # what was typed is no domain name
    UNANSWERED = "UNANSWERED"


@dataclass(frozen=True, slots=True)
class Exchanger:
    preference: int
    host: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class MxCheck:
    domain: str
    outcome: Outcome
    found: tuple[Exchanger, ...] = ()  # by preference


def check(domain: str, *, host_name: str, addresses: frozenset[str]) -> MxCheck:
    """Whether mail for `domain` comes to the host of that name or to one of `addresses`. Blocks."""
    try:
        name = dns.name.from_text(domain)
    except (dns.exception.DNSException, UnicodeError):
        return MxCheck(domain, Outcome.NO_NAME)
    resolver = _resolver()
    try:
        records = sorted(resolver.resolve(name, "MX"), key=lambda record: int(record.preference))
    except dns.resolver.NXDOMAIN:
        return MxCheck(domain, Outcome.NO_DOMAIN)
    except dns.resolver.NoAnswer:
        return MxCheck(domain, Outcome.NO_MX)
    except (dns.exception.DNSException, OSError):
        return MxCheck(domain, Outcome.UNANSWERED)
    if [record.exchange for record in records] == [dns.name.root]:
        return MxCheck(domain, Outcome.NULL_MX)
    here = dns.name.from_text(host_name) if host_name else None
    found = tuple(
        Exchanger(
            record.preference,
            record.exchange.to_text(omit_final_dot=True),
            record.exchange == here
            or (number < MAX_HOSTS_LOOKED_UP and bool(addresses & _addresses(resolver, record.exchange))),
        )
        for number, record in enumerate(records)
    )
    return MxCheck(domain, _outcome(found), found)


def _outcome(found: tuple[Exchanger, ...]) -> Outcome:
    ours = [exchanger.preference for exchanger in found if exchanger.is_here]
    if not ours:
        return Outcome.ELSEWHERE
    others = [exchanger.preference for exchanger in found if not exchanger.is_here]
    return Outcome.HERE_NOT_FIRST if others and min(others) < min(ours) else Outcome.HERE


def _addresses(resolver: dns.resolver.Resolver, host: dns.name.Name) -> frozenset[str]:
    """Empty where they can't be had: then the name alone decides."""
    try:
        return frozenset(resolver.resolve_name(host, lifetime=LIFETIME_SECONDS).addresses())
    except (dns.exception.DNSException, OSError):
        return frozenset()


def _resolver() -> dns.resolver.Resolver:
    """Of MAILMANAGER_RESOLVER, else the system's; nothing is cached: who mends a record asks again."""
    resolver = dns.resolver.Resolver(configure=not settings.RESOLVER)
    if settings.RESOLVER:
        host, port = parse_host_and_port(settings.RESOLVER, port=DNS_PORT)
        resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port)]
    resolver.lifetime = LIFETIME_SECONDS
    return resolver
