"""Who has too much already: connections of an address or endpoint, events of an address in a while."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

_MAX_KEYS = 100_000  # an attacker with a /64 of IPv6 has more addresses than we have memory


class LimitKind(StrEnum):
    ALL_CONNECTIONS = "all_connections"  # to the process
    OF_ENDPOINT = "endpoint_connections"
    OF_ADDRESS = "address_connections"
    NEW = "new_connections"  # of an address, in a minute
    FAILED_AUTH = "failed_auth"  # of an address, in ten minutes


@dataclass(frozen=True, slots=True)
class Limited:
    """`key`, an address or an endpoint's ID or "" for the process, is at its limit with `count`."""

    kind: LimitKind
    key: str
    count: int


class Concurrency:
    """How many of a thing each key has now. `limit` 0: any number."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: defaultdict[Hashable, int] = defaultdict(int)

    def enter(self, key: Hashable) -> bool:
        """False, and nothing counted, where `key` has its fill."""
        if self._limit and self._counts[key] >= self._limit:
            return False
        self._counts[key] += 1
        return True

    def leave(self, key: Hashable) -> None:
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]

    def full(self) -> list[tuple[Hashable, int]]:
        """Keys that have their fill, and how many that is."""
        limit = self._limit
        return [(key, count) for key, count in self._counts.items() if limit and count >= limit]


class Rate:
    """How often something happened for each key since the window began. `limit` 0: any number.

    All windows begin and end together: at most twice the limit passes within one window's length,
    and nothing has to be remembered for longer.
    """

    def __init__(self, limit: int, window_seconds: float) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._ends_at = float("-inf")
        self._counts: defaultdict[Hashable, int] = defaultdict(int)

    def add(self, key: Hashable, now: float) -> None:
        self._roll(now)
        if key in self._counts or len(self._counts) < _MAX_KEYS:
            self._counts[key] += 1

    def is_exceeded(self, key: Hashable, now: float) -> bool:
        """Whether one more would be too many."""
        self._roll(now)
        return bool(self._limit) and self._counts.get(key, 0) >= self._limit

    def exceeded(self, now: float) -> list[tuple[Hashable, int]]:
        """Keys that are at the limit in this window, and how often it happened."""
        self._roll(now)
        limit = self._limit
        return [(key, count) for key, count in self._counts.items() if limit and count >= limit]

    def _roll(self, now: float) -> None:
        if now >= self._ends_at:
            self._counts.clear()
            self._ends_at = now + self._window_seconds
