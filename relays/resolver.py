"""Hosts and mail domains, looked up as mail needs them. MAILMANAGER_RESOLVER says who is asked."""

import asyncio
import ipaddress
import random
import socket
from dataclasses import dataclass
from functools import cache

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from django.conf import settings

from core.host import parse_host_and_port

_DNS_PORT = 53
_LIFETIME_SECONDS = 20.0  # for one question, repetitions included


class LookUpFault(Exception):
    """`is_permanent`: the answer was a clear no; else nobody could say. The text says which."""

    def __init__(self, words: str, *, is_permanent: bool = False) -> None:
        super().__init__(words)
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class MailExchangers:
    """Hosts by preference. `is_null`: the domain says that it takes no mail (RFC 7505)."""

    hosts: tuple[str, ...]
    is_null: bool = False


async def addresses_of(host: str) -> tuple[str, ...]:
    """The host's IPv4 and IPv6 addresses, in the order to try them; an IP address is itself.

    A and AAAA alone: a host's MX is never asked. LookUpFault where there are none.
    """
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    if not settings.RESOLVER:
        return await _addresses_by_system(host)
    try:
        return await _addresses_by_resolver(host)
    except LookUpFault as fault:
        # Names that only this machine knows (its hosts file, the names of containers).
        if not fault.is_permanent:
            raise
        return await _addresses_by_system(host)


async def _addresses_by_system(host: str) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(_LIFETIME_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        is_permanent = error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        raise LookUpFault(f"no address of {host}: {error.strerror}", is_permanent=is_permanent) from error
    except TimeoutError as error:
        raise LookUpFault(f"no address of {host}: the name server does not answer") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _addresses_by_resolver(host: str) -> tuple[str, ...]:
    addresses: list[str] = []
    faults: list[LookUpFault] = []
    # IPv4 first: where a machine has no way to IPv6, that costs nothing.
    for kind in ("A", "AAAA"):
        try:
            addresses += [record.address for record in await _ask(host, kind)]
        except LookUpFault as fault:
            faults.append(fault)
    if not addresses:
        temporary = [fault for fault in faults if not fault.is_permanent]
        raise (temporary or faults)[0]
    return tuple(addresses)


async def mail_exchangers(domain: str) -> MailExchangers:
    """Where mail for the domain goes (RFC 5321 §5.1): its MX by preference, equals in random order.

    Without MX the domain itself. LookUpFault: permanent where the domain does not exist.
    """
    try:
        records = list(await _ask(domain, "MX"))
    except _NoAnswer:
        return MailExchangers((domain,))
    random.shuffle(records)
    records.sort(key=lambda record: record.preference)
    if len(records) == 1 and records[0].exchange == dns.name.root:
        return MailExchangers((), is_null=True)
    hosts = (record.exchange.to_text(omit_final_dot=True) for record in records)
    return MailExchangers(tuple(dict.fromkeys(host for host in hosts if host)))


class _NoAnswer(LookUpFault):
    """The name exists, without records of that kind."""


async def _ask(name: str, kind: str) -> dns.resolver.Answer:
    try:
        absolute = dns.name.from_text(name)
        return await _resolver(settings.RESOLVER).resolve(absolute, kind, lifetime=_LIFETIME_SECONDS)
    except dns.resolver.NoAnswer as error:
        raise _NoAnswer(f"{name} has no {kind} record", is_permanent=True) from error
    except dns.resolver.NXDOMAIN as error:
        raise LookUpFault(f"{name} does not exist", is_permanent=True) from error
    except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError) as error:
        raise LookUpFault(f"{name!r} is no domain name", is_permanent=True) from error
    except (dns.exception.DNSException, OSError) as error:
        raise LookUpFault(f"looking up {kind} of {name} failed: {type(error).__name__}") from error


@cache
def _resolver(address: str) -> dns.asyncresolver.Resolver:
    if not address:
        return dns.asyncresolver.Resolver()
    host, port = parse_host_and_port(address, port=_DNS_PORT)
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port)]
    return resolver
