"""The addresses that endpoints are given: what the setting names, and which is next."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address


class PoolError(ValueError):
    """The setting can't be read; `str(self)` names the part and what would be right."""


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses from `first` to `last`, both included, of one family."""

    first: Address
    last: Address

    @property
    def version(self) -> int:
        return self.first.version

    def __iter__(self) -> Iterator[Address]:
        kind = type(self.first)
        return (kind(number) for number in range(int(self.first), int(self.last) + 1))

    def overlaps(self, other: "Block") -> bool:
        return (
            self.version == other.version
            and int(self.first) <= int(other.last)
            and int(other.first) <= int(self.last)
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """Blocks in the order of the setting."""

    blocks: tuple[Block, ...]

    def has_version(self, version: int) -> bool:
        return any(block.version == version for block in self.blocks)

    def addresses(self, version: int) -> Iterator[Address]:
        """Lazily: a /64 has more than can be listed."""
        return (address for block in self.blocks if block.version == version for address in block)

    def holds(self, address: Address) -> bool:
        return any(block.overlaps(Block(address, address)) for block in self.blocks)

    def size(self, version: int) -> int:
        return sum(
            int(block.last) - int(block.first) + 1 for block in self.blocks if block.version == version
        )


def read_pool(entries: Iterable[str]) -> Pool:
    """From CIDRs (`192.0.2.0/28`), ranges (`192.0.2.4-192.0.2.9`) and addresses. PoolError."""
    blocks: list[Block] = []
    for entry in filter(None, (entry.strip() for entry in entries)):
        block = _read_entry(entry)
        if any(map(block.overlaps, blocks)):
            raise PoolError(f"{entry}: has addresses that an entry before it names too")
        blocks.append(block)
    if not blocks:
        raise PoolError("names no address")
    return Pool(tuple(blocks))


def choose(pool: Pool, version: int, taken: Collection[str]) -> Iterator[str]:
    """Addresses that may be tried, best first: in the pool's order, without `taken` (canonical text).

    Several, because another worker may take the first in the same moment.
    """
    return (text for address in pool.addresses(version) if (text := str(address)) not in taken)


def _read_entry(entry: str) -> Block:
    first, dash, last = entry.partition("-")
    try:
        if dash:
            return _read_range(entry, first.strip(), last.strip())
        network = ipaddress.ip_network(entry)
    except PoolError:
        raise
    except ValueError as error:
        raise PoolError(f"{entry}: a CIDR, a range or an address is expected ({error})") from error
    return _hosts(network)


def _read_range(entry: str, first: str, last: str) -> Block:
    block = Block(ipaddress.ip_address(first), ipaddress.ip_address(last))
    if block.last.version != block.version or int(block.last) < int(block.first):
        raise PoolError(f"{entry}: a range goes from a lower to a higher address of one family")
    return block


def _hosts(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Block:
    """Without what is no host's: network and broadcast address, IPv6 the Subnet-Router anycast (RFC 4291
    §2.6.1); networks of one or two addresses are whole (RFC 3021, RFC 6164)."""
    first, last = network[0], network[-1]
    if network.num_addresses <= 2:
        return Block(first, last)
    return Block(first + 1, last - 1 if network.version == 4 else last)
