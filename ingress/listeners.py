"""The sockets listened on: one for each address and port of the snapshot, opened and closed as it changes."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import structlog

from endpoints.logic.snapshot import EndpointType, ServedEndpoint, Snapshot
from ingress.logic.terms import Limits, Terms
from ingress.session import SmtpSession
from ingress.sockets import Key

if TYPE_CHECKING:
    from ingress.engine import Engine

log = structlog.get_logger()

# As many connections may wait to be accepted (the kernel caps it at net.core.somaxconn).
_BACKLOG = 4096
_RETRY_SECONDS = 1.0
_RETRY_LOG_SECONDS = 60.0  # a failure that lasts is told again after such a while

_REASONS = {
    errno.EADDRINUSE: "the port is taken by another program",
    errno.EADDRNOTAVAIL: "this machine does not have the address",
    errno.EACCES: "the port needs a privilege (CAP_NET_BIND_SERVICE)",
}


class Listener:
    """One socket. `terms` None: the endpoint is closed, each connection hears 421."""

    def __init__(self, engine: "Engine", key: Key, endpoint: ServedEndpoint, terms: Terms | None) -> None:
        self.address, self.port = key
        self.endpoint_id = endpoint.id
        self.terms = terms
        self._engine = engine
        self._server: asyncio.Server | None = None
        self._told: tuple[str, float] = ("", float("-inf"))

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        """Where it can't be, that is logged, and `Listeners` tries again."""
        listening = self._engine.sockets.claim((self.address, self.port))
        is_new = listening is None
        try:
            listening = listening or _listening_socket(self.address, self.port)
            self._server = await self._engine.loop.create_server(
                lambda: SmtpSession(self._engine, self), sock=listening, backlog=_BACKLOG
            )
        except OSError as error:
            if listening is not None:
                listening.close()
            self._tell(error)
            return
        self.port = listening.getsockname()[1]
        if is_new:
            self._engine.sockets.opened(listening)
        log.info("listening", address=self.address, port=self.port, endpoint=self.endpoint_id)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            log.info("listening_ended", address=self.address, port=self.port, endpoint=self.endpoint_id)

    def _tell(self, error: OSError) -> None:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        now = self._engine.loop.time()
        told, told_at = self._told
        if reason != told or now - told_at >= _RETRY_LOG_SECONDS:
            self._told = reason, now
            log.error(
                "listening_failed",
                address=self.address,
                port=self.port,
                endpoint=self.endpoint_id,
                reason=reason,
            )


class Listeners:
    """All of a process. `apply` brings them to what a snapshot wants; `retry` opens what could not be."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._by_key: dict[Key, Listener] = {}
        self._is_closed = False
        self._retry_at = 0.0

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._by_key.values())

    async def apply(self, snapshot: Snapshot) -> None:
        """Those that stay are not touched: their connections and what waits to be accepted live on."""
        wanted = self._wanted(snapshot)
        for key in self._by_key.keys() - wanted.keys():
            listener = self._by_key.pop(key)
            listener.terms = None
            listener.close()
            self._engine.sockets.closed(key)
        terms_of = _terms_maker(self._engine.config.limits, self._by_key.values())
        for key, endpoint in wanted.items():
            terms = terms_of(endpoint) if endpoint.is_open_for_mail or endpoint.is_probed else None
            if key in self._by_key:
                self._by_key[key].endpoint_id, self._by_key[key].terms = endpoint.id, terms
            elif not self._is_closed:
                self._by_key[key] = Listener(self._engine, key, endpoint, terms)
                await self._by_key[key].open()
        self._engine.sockets.drop_unclaimed()

    async def retry(self, now: float) -> None:
        if now < self._retry_at or self._is_closed:
            return
        self._retry_at = now + _RETRY_SECONDS
        for listener in list(self._by_key.values()):
            if not listener.is_listening:
                await listener.open()

    def close(self) -> None:
        """For good. What they serve goes on: terms are followed by the sessions that are left."""
        self._is_closed = True
        for listener in self._by_key.values():
            listener.close()

    def _wanted(self, snapshot: Snapshot) -> dict[Key, ServedEndpoint]:
        config = self._engine.config
        wanted = {}
        for address, endpoint in snapshot.by_address.items():
            wanted[address, config.smtp_port] = endpoint
            if endpoint.type is EndpointType.AUTH:
                wanted[address, config.submission_port] = endpoint
        return wanted


def _terms_maker(limits: Limits, listeners: Iterable[Listener]) -> Callable[[ServedEndpoint], Terms]:
    """Terms of an endpoint; those that listeners have already are used again where nothing changed."""
    known = {listener.terms.endpoint.id: listener.terms for listener in listeners if listener.terms}

    def terms_of(endpoint: ServedEndpoint) -> Terms:
        terms = known.get(endpoint.id)
        if terms is None or (terms.endpoint is not endpoint and terms.endpoint != endpoint):
            terms = known[endpoint.id] = Terms(endpoint, limits)
        return terms

    return terms_of


def _listening_socket(address: str, port: int) -> socket.socket:
    """SO_REUSEPORT: the kernel spreads connections over the processes, and the next ingress can
    listen before this one stops."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind((address, port))
    except OSError:
        listening.close()
        raise
    return listening
