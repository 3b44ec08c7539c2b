"""What is limited, and the arithmetic of a rate."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum, auto
from ipaddress import IPv4Address, IPv6Network

from core.cidr import Address


class Measure(IntEnum):
    """What is counted of an address or an endpoint."""

    CONNECTIONS = 0  # open now; all others in a while
    NEW = auto()  # connections that came
    MESSAGES = auto()  # accepted, and these messages' recipients and bytes
    RECIPIENTS = auto()
    BYTES = auto()
    ERRORS = auto()  # wrong commands, failed AUTH, recipients refused
    FAILED_AUTH = auto()


class Stage(IntEnum):
    """When it is looked whether there may be more; `MEASURES_AT` says of what."""

    DOOR = 0  # a connection came
    MAIL = auto()
    AUTH = auto()


MEASURES_AT = {
    Stage.DOOR: (Measure.CONNECTIONS, Measure.NEW, Measure.ERRORS),
    Stage.MAIL: (Measure.MESSAGES, Measure.RECIPIENTS, Measure.BYTES),
    Stage.AUTH: (Measure.FAILED_AUTH,),
}


class LimitKind(StrEnum):
    ALL_CONNECTIONS = "all_connections"  # to the process
    OF_ENDPOINT = "endpoint_connections"
    ENDPOINT_MESSAGES = "endpoint_messages"
    ENDPOINT_RECIPIENTS = "endpoint_recipients"
    ENDPOINT_BYTES = "endpoint_bytes"
    ENDPOINT_ERRORS = "endpoint_errors"
    ENDPOINT_FAILED_AUTH = "endpoint_failed_auth"
    OF_ADDRESS = "address_connections"
    NEW = "new_connections"  # of an address
    ADDRESS_MESSAGES = "address_messages"
    ADDRESS_RECIPIENTS = "address_recipients"
    ADDRESS_BYTES = "address_bytes"
    ADDRESS_ERRORS = "address_errors"
    FAILED_AUTH = "failed_auth"  # of an address


@dataclass(frozen=True, slots=True)
class Limited:
    """`key`, an address (of IPv6 a /64) or an endpoint's ID or "" for the process, is at its limit with
    `count`, and was `refused` so often `since_at`. `until_at`: when it is whole again if nothing more
    comes, None where that is for open connections to say. Both in seconds, by the clock of who asked."""

    kind: LimitKind
    key: str
    count: int
    refused: int = 0
    since_at: float = 0.0
    until_at: float | None = None


class Rate:
    """At most `limit` (1 or more) in any while of `window_seconds`, as a bucket that leaks evenly.

    What has to be remembered of a bucket is one integer, its level: the moment when it will be empty, in
    units so small (1/`limit` ms) that nothing is rounded. 0 is a bucket that never held anything. What is
    let in while there is room may overfill it, by any amount: that is waited for afterwards.
    """

    __slots__ = ("_nearly_full", "limit", "window_ms")

    def __init__(self, limit: int, window_seconds: int) -> None:
        self.limit = limit
        self.window_ms = window_seconds * 1000
        self._nearly_full = (limit - 1) * self.window_ms  # a unit of what is counted takes window_ms

    def added(self, level: int, count: int, now_ms: int) -> int:
        """The level after so many more."""
        empty = now_ms * self.limit
        return (level if level > empty else empty) + count * self.window_ms

    def is_full(self, level: int, now_ms: int) -> bool:
        """Whether one more would be too many."""
        return level - now_ms * self.limit > self._nearly_full

    def count(self, level: int, now_ms: int) -> int:
        return max(0, -((now_ms * self.limit - level) // self.window_ms))

    def empty_at(self, level: int) -> int:
        """In milliseconds."""
        return -(-level // self.limit)


_IPV6 = 1 << 64


def key_of(peer: Address) -> int:
    """Under which an address is counted: of IPv6 its /64, for whoever has one address has all of them."""
    return int(peer) if peer.version == 4 else _IPV6 + (int(peer) >> 64)


def address_of(key: int) -> str:
    """What `key_of` made it of."""
    return str(IPv4Address(key) if key < _IPV6 else IPv6Network(((key - _IPV6) << 64, 64)))
