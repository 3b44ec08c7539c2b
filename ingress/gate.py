"""Who may come in: the limits of the process, of an endpoint, of an address."""

from collections.abc import Callable

from core import reply
from core.cidr import Address
from core.reply import Reply
from ingress.config import IngressConfig
from ingress.logic.limits import Concurrency, Limited, LimitKind, Rate

_MINUTE = 60.0
_AUTH_WINDOW_SECONDS = 600.0


class Gate:
    """`clock`: the event loop's, in seconds. Networks without limits are counted where all are."""

    def __init__(self, config: IngressConfig, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._unlimited = config.unlimited_networks
        self._all = Concurrency(config.max_connections)
        self._by_endpoint = Concurrency(config.max_connections_per_endpoint)
        self._by_address = Concurrency(config.max_connections_per_address)
        self._arrivals = Rate(config.max_new_connections_per_minute, _MINUTE)
        self._failed_auth = Rate(config.max_auth_failures, _AUTH_WINDOW_SECONDS)

    def enter(self, peer: Address, endpoint_id: str) -> Reply | None:
        """None where it may come in, and then has to `leave`."""
        if not self._all.enter(""):
            return reply.SERVER_BUSY
        if not self._by_endpoint.enter(endpoint_id):
            self._all.leave("")
            return reply.SERVER_BUSY
        if peer in self._unlimited:
            return None
        now = self._clock()
        if self._arrivals.is_exceeded(peer, now) or not self._by_address.enter(peer):
            self._all.leave("")
            self._by_endpoint.leave(endpoint_id)
            return reply.TOO_MANY_CONNECTIONS
        self._arrivals.add(peer, now)
        return None

    def leave(self, peer: Address, endpoint_id: str) -> None:
        self._all.leave("")
        self._by_endpoint.leave(endpoint_id)
        if peer not in self._unlimited:
            self._by_address.leave(peer)

    def note_failed_auth(self, peer: Address) -> None:
        if peer not in self._unlimited:
            self._failed_auth.add(peer, self._clock())

    def has_failed_often(self, peer: Address) -> bool:
        return peer not in self._unlimited and self._failed_auth.is_exceeded(peer, self._clock())

    def limited(self) -> list[Limited]:
        """Who is at a limit now. For once a second: it looks through all who are counted."""
        now = self._clock()
        return [
            *(Limited(LimitKind.ALL_CONNECTIONS, "", n) for _, n in self._all.full()),
            *(Limited(LimitKind.OF_ENDPOINT, str(key), n) for key, n in self._by_endpoint.full()),
            *(Limited(LimitKind.OF_ADDRESS, str(key), n) for key, n in self._by_address.full()),
            *(Limited(LimitKind.NEW, str(key), n) for key, n in self._arrivals.exceeded(now)),
            *(Limited(LimitKind.FAILED_AUTH, str(key), n) for key, n in self._failed_auth.exceeded(now)),
        ]
