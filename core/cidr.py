"""IP networks in CIDR notation (RFC 4632, RFC 4291 §2.3): sets of them, and what is wrong with one.

A set answers in constant time whatever it holds: networks of one prefix length lie in one set of
their leading bits, so a look-up takes one step for each prefix length in use (at most 33 or 129).
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ADDRESS_BITS = {4: 32, 6: 128}


def parse_network(text: str) -> Network:
    """The network that `text` names, bits right of the mask cleared; an address alone is itself.
    ValueError for anything else."""
    return ip_interface(text).network


def unmapped(address: Address) -> Address:
    """An IPv4-mapped IPv6 address (::ffff:192.0.2.1, RFC 4291 §2.5.5.2) as the IPv4 address it is."""
    return (address.ipv4_mapped or address) if address.version == 6 else address


class NetworkSet:
    """Immutable set of networks of both families; `address in networks`.

    An address is in no network of the other family; an IPv4-mapped one is the IPv4 address.
    """

    __slots__ = ("_ipv4", "_ipv6")

    def __init__(self, networks: Iterable[str]) -> None:
        parsed = [parse_network(text) for text in networks]
        self._ipv4 = _by_prefix_length(network for network in parsed if network.version == 4)
        self._ipv6 = _by_prefix_length(network for network in parsed if network.version == 6)

    def __contains__(self, address: Address) -> bool:
        address = unmapped(address)
        bits = int(address)
        table = self._ipv4 if address.version == 4 else self._ipv6
        for shift, prefixes in table:  # noqa: SIM110 - a generator costs more than the look-up
            if bits >> shift in prefixes:
                return True
        return False


def _by_prefix_length(networks: Iterable[Network]) -> tuple[tuple[int, frozenset[int]], ...]:
    """(bits right of the mask, the leading bits of every network with that mask), widest first."""
    table: dict[int, set[int]] = {}
    for network in networks:
        shift = network.max_prefixlen - network.prefixlen
        table.setdefault(shift, set()).add(int(network.network_address) >> shift)
    return tuple((shift, frozenset(table[shift])) for shift in sorted(table, reverse=True))


def cidr_matcher(operator: str, values: Iterable[str]) -> Callable[[Address], bool]:
    """CIDR_MATCHES: the address is in any of `values`; NOT_CIDR_MATCHES: in none of them.

    So NOT_CIDR_MATCHES of IPv4 ranges holds for every IPv6 address, which is in none of them.
    ValueError for an unknown operator or a value that is no CIDR.
    """
    networks = NetworkSet(values)
    match operator:
        case "CIDR_MATCHES":
            return networks.__contains__
        case "NOT_CIDR_MATCHES":
            return lambda address: address not in networks
    raise ValueError(f"unknown IP operator {operator}")


def cidr_complaint(text: str, *, version: int | None = None) -> str:
    """What is wrong with `text` as a CIDR of the IP `version` (None: of either), and what would be
    right; "" when it is fine. Strict: the mask is there, is a number, and no bit lies right of it."""
    address_text, slash, mask = text.strip().partition("/")
    address = _address(address_text)
    if address is None:
        return f"“{text}” is not an IP range; write one like {_example(version)}"
    if version and address.version != version:
        return f"“{text}” is an IPv{address.version} range; this takes IPv{version}, like {_example(version)}"
    if not slash:
        return f"“{text}” needs a mask; for this one address write {address}/{address.max_prefixlen}"
    return _mask_complaint(text, address, mask)


def _mask_complaint(text: str, address: Address, mask: str) -> str:
    try:
        network = parse_network(text.strip())
    except ValueError:
        return f"“{text}” has no valid mask; it goes from /0 to /{address.max_prefixlen}"
    if network.network_address != address:
        return (
            f"“{text}” has bits set right of its mask; did you mean {network},"
            f" or {address}/{address.max_prefixlen} for the one address?"
        )
    if mask != str(network.prefixlen) or text != text.strip():
        return f"“{text}” is not written as address/bits; did you mean {network}?"
    return ""


def _address(text: str) -> Address | None:
    """None also for an address with a zone (fe80::1%eth0), which means something on one machine only."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else address


def _example(version: int | None) -> str:
    return "2001:db8::/32" if version == 6 else "192.0.2.0/24"
