"""Mail of our own to the world, which so far is bounces: to the recipient's MX, or to the smarthost."""

import ipaddress

from django.conf import settings

from core.host import parse_host_and_port
from mailflow.actions.contract import Finish, Result
from mailflow.smtp_client import Transaction, deliver
from relays.conversation import Target
from relays.resolver import LookUpFault, mail_exchangers

_MAX_HOSTS = 5  # of a domain; a list of hundreds would hold a worker for hours


async def send(reverse_path: str, recipient: str, content: bytes) -> Result:
    """One attempt. `recipient` is a mailbox without angle brackets, `content` has CRLF line endings.

    TLS where it is offered. What can't be looked up is temporary; a domain that does not exist, or
    says that it takes no mail, is permanent.
    """
    transaction = Transaction(reverse_path, (recipient,), content, is_smtputf8=True)
    if settings.SMARTHOST:
        host, port = parse_host_and_port(settings.SMARTHOST, port=settings.OUTBOUND_PORT)
        (result,) = await deliver(Target(host, port), transaction)
        return result
    domain = recipient.rpartition("@")[2] if "@" in recipient else ""
    if not domain:
        return Result(recipient, Finish.PERMANENT, "the address has no domain", "5.1.3")
    try:
        hosts = await _hosts_of(domain)
    except LookUpFault as fault:
        if fault.is_permanent:
            return Result(recipient, Finish.PERMANENT, str(fault), "5.1.2")  # RFC 3463 §3.2: bad system
        return Result(recipient, Finish.TEMPORARY, str(fault), "4.4.3")  # §3.5: directory server failure
    if not hosts:
        return Result(
            recipient, Finish.PERMANENT, f"{domain} takes no mail (null MX)", "5.1.10"
        )  # RFC 7505 §4.2
    return await _first_that_answers(hosts, transaction)


async def _first_that_answers(hosts: tuple[str, ...], transaction: Transaction) -> Result:
    """RFC 5321 §5.1: the next host is tried as long as the result is temporary."""
    for host in hosts[:_MAX_HOSTS]:
        (result,) = await deliver(Target(host, settings.OUTBOUND_PORT), transaction)
        if result.finish is not Finish.TEMPORARY:
            break
    return result


async def _hosts_of(domain: str) -> tuple[str, ...]:
    """In the order to try them; () for a null MX. LookUpFault where nobody can say."""
    if domain.startswith("[") and domain.endswith("]"):  # address literal (RFC 5321 §4.1.3)
        return (_address_of(domain[1:-1].removeprefix("IPv6:")),)
    return (await mail_exchangers(domain)).hosts


def _address_of(literal: str) -> str:
    try:
        return str(ipaddress.ip_address(literal))
    except ValueError as error:
        raise LookUpFault(f"[{literal}] is no address of a host", is_permanent=True) from error
