"""Who has too much already: connections of an address or endpoint, events of an address in a while."""

from collections import defaultdict
from collections.abc import Hashable

_MAX_KEYS = 100_000  # an attacker with a /64 of IPv6 has more addresses than we have memory


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

    def _roll(self, now: float) -> None:
        if now >= self._ends_at:
            self._counts.clear()
            self._ends_at = now + self._window_seconds
