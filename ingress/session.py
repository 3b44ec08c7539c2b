"""One connection: a Conversation on a transport, what it waits for, and how long."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import structlog
from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import LoginPassword, Session

from core import reply
from core.cidr import Address, unmapped
from core.envelope import ClientCertificate, TlsVersion
from core.reply import Reply
from endpoints.logic.trust_store import Trust
from ingress.acceptance import local_error
from ingress.client_certificates import admission
from ingress.gate import Ticket
from ingress.logic.conversation import Conversation
from ingress.logic.events import AuthRequested, DiskAwaited, Event, MessageReceived, Refused
from ingress.passwords import Overloaded
from ingress.proxy import BadProxyHeader, ProxyHeader
from ingress.tally import Authentication, Handshake, TypeTally

if TYPE_CHECKING:
    from ingress.engine import Engine
    from ingress.listeners import Listener

log = structlog.get_logger()

_TLS_VERSIONS = {"TLSv1.2": TlsVersion.TLS1_2, "TLSv1.3": TlsVersion.TLS1_3}
_AUTHENTICATIONS = {
    reply.AUTH_SUCCEEDED: Authentication.RIGHT,
    reply.AUTH_INVALID: Authentication.WRONG,
    reply.AUTH_TOO_MANY: Authentication.LIMITED,
    reply.AUTH_UNAVAILABLE: Authentication.UNAVAILABLE,
}
# How long a peer may take to read our last reply and hang up. Closed at once, the kernel would answer
# what it still sends with a reset, and the reply be lost (RFC 1122 §4.2.2.13).
_LINGER_SECONDS = 5.0
# Content has to come at the least rate over each such while (RFC 5321 §4.5.3.2.5 grants 3 minutes).
_RATE_WINDOW_SECONDS = 180.0


class SmtpSession(asyncio.Protocol):
    """Made by its listener for each connection. Whatever is unforeseen ends in 451 with a reference."""

    __slots__ = (
        "_content_bytes",
        "_content_due_at",
        "_deadline",
        "_endpoint_id",
        "_engine",
        "_is_admitted",
        "_is_lingering",
        "_proxy",
        "_session_id",
        "_tally",
        "_task",
        "_ticket",
        "_transport",
        "_unsent",
        "client_certificate",
        "conversation",
        "endpoint_address",
        "listener",
        "note_message",
        "peer_address",
        "tls_cipher",
    )

    conversation: Conversation  # from the greeting on; before it there is none to be asked
    _tally: TypeTally  # the same: where it is counted as open
    _ticket: Ticket  # the same: of the gate

    def __init__(self, engine: "Engine", listener: "Listener") -> None:
        self._engine = engine
        self.listener = listener
        self.endpoint_address = listener.address
        self.peer_address = ""
        self.tls_cipher = ""
        self.client_certificate: ClientCertificate | None = None
        self.note_message: Callable[[int, int], None] | None = None
        self._endpoint_id = listener.endpoint_id  # as it was counted at the gate
        self._session_id = ""
        self._transport: Any = None
        self._unsent = b""  # in the outbox
        self._task: asyncio.Task[None] | None = None  # what is waited for
        self._proxy: ProxyHeader | None = None
        self._is_admitted = False
        self._is_lingering = False
        self._deadline = 0.0
        self._content_bytes = 0
        self._content_due_at = 0.0

    @property
    def session_id(self) -> str:
        """Made when first asked for: many connections never have anything to tell."""
        if not self._session_id:
            self._session_id = self._engine.new_session_id()
        return self._session_id

    # --- the transport's calls --------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._wait_for_peer()
        self._engine.sessions.add(self)
        peer = transport.get_extra_info("peername")
        if not peer:  # it has hung up already
            transport.abort()
            return
        address = peer_address(peer[0])
        if address in self._engine.config.proxy_networks:
            self._proxy = ProxyHeader()
            self._deadline = self._engine.loop.time() + self._engine.config.handshake_timeout_seconds
            self._task = self._engine.loop.create_task(self._read_proxy_header(self._proxy, address))
        else:
            self._begin(address)

    def data_received(self, chunk: bytes) -> None:
        if self._is_lingering:
            return
        if self._proxy is not None:
            self._proxy.feed(chunk)
            return
        try:
            events = self.conversation.receive(chunk)
            if events:
                self._handle(events)
            self._flush()
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs, and unknown faults are temporary
            self._hang_up(local_error(self, error))

    def eof_received(self) -> bool:
        """The peer sends no more. A message that is being stored still gets its reply."""
        self.send_now()
        if self._proxy is not None:
            self._proxy.end()
        if not self._is_admitted or self._is_lingering or not self.conversation.is_waiting:
            return False
        self.conversation.drain(reply.BYE)
        return bool(self._transport.can_write_eof())  # TLS has no half-closed connections

    def connection_lost(self, error: Exception | None) -> None:
        self._engine.forget(self)
        self._is_lingering = True
        self._unsent = b""
        if self._is_admitted:
            self._is_admitted = False
            self.conversation.close()
            self._tally.open_sessions -= 1
            self._ticket.leave(self.conversation.errors)
        elif self._proxy is not None:
            self._proxy.end()

    def pause_writing(self) -> None:
        """The peer does not read what it asked for: nothing more is read from it meanwhile."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._resume_reading()

    # --- beginning and end ------------------------------------------------------------------------

    def _begin(self, peer: Address) -> None:
        self.peer_address = str(peer)
        terms = self.listener.terms
        if terms is None:
            self._turn_away(reply.ENDPOINT_CLOSED)
            return
        ticket = self._engine.gate.enter(peer, self._endpoint_id)
        if isinstance(ticket, Reply):
            log.info(
                "connection_refused",
                peer=self.peer_address,
                endpoint=self._endpoint_id,
                reason=ticket.text,
            )
            self._turn_away(ticket)
        else:
            self._ticket = ticket
            limits_mail = ticket.limits_mail
            if limits_mail:
                self.note_message = ticket.note_message
            self.conversation = Conversation(
                terms,
                session=Session(self._engine.loop),
                new_envelope=SmtpEnvelope,
                budget=self._engine.budget,
                peer=peer,
                mail_refusal=ticket.mail_refusal if limits_mail else None,
            )
            self._is_admitted = True
            self._tally = self._engine.tally.by_type[terms.endpoint.type]
            self._tally.sessions += 1
            self._tally.open_sessions += 1
            self._send(terms.greeting.wire)

    async def _read_proxy_header(self, header: ProxyHeader, balancer: Address) -> None:
        try:
            peer = await header.read()
        except BadProxyHeader as error:
            log.warning("proxy_header_refused", peer=str(balancer), reason=str(error))
            self._transport.abort()
            return
        self._proxy = None
        if self._transport.is_closing():
            return
        self._wait_for_peer()
        self._begin(unmapped(peer) if peer is not None else balancer)
        if rest := await header.rest():
            self.data_received(rest)

    def _turn_away(self, farewell: Reply) -> None:
        self._engine.tally.refused(farewell)
        self._send(farewell.wire)
        self._linger()

    def _hang_up(self, farewell: Reply) -> None:
        self._engine.tally.refused(farewell)
        self.conversation.close(farewell)
        self._flush()

    def _linger(self) -> None:
        """Hang up when the peer has, or soon; until then what it sends is dropped."""
        self._is_lingering = True
        self._deadline = self._engine.loop.time() + _LINGER_SECONDS
        self._resume_reading()
        self.send_now()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # --- events and replies -----------------------------------------------------------------------

    def _handle(self, events: Sequence[Event]) -> None:
        loop = self._engine.loop
        for event in events:
            if isinstance(event, MessageReceived):
                self._engine.acceptance.accept(self, event.content, self._accepted)
            elif isinstance(event, Refused):
                self._engine.acceptance.refuse(self, event)
            elif isinstance(event, AuthRequested):
                self._task = loop.create_task(self._authenticate(event))
            elif isinstance(event, DiskAwaited):
                event.file.when_idle(self._disk_ready)
            else:
                self._task = loop.create_task(self._start_tls())

    def _flush(self) -> None:
        """Sends the replies, and stops or starts reading as the conversation wants it."""
        conversation, transport = self.conversation, self._transport
        output = conversation.take_output()
        if output:
            self._send(output)
            self._wait_for_peer()
        if conversation.is_closed:
            if conversation.farewell is reply.BYE:
                self.send_now()
                transport.close()
            elif not self._is_lingering and not transport.is_closing():
                self._linger()
        elif not conversation.wants_input:
            transport.pause_reading()

    def _send(self, output: bytes) -> None:
        if self._unsent:
            self._unsent += output
        else:
            self._unsent = output
            self._engine.outbox.add(self)

    def send_now(self) -> None:
        """What is in the outbox: when its turn has come, or before the transport changes or closes."""
        output, self._unsent = self._unsent, b""
        if output and not self._transport.is_closing():
            self._transport.write(output)

    def _go_on(self, events: Sequence[Event]) -> None:
        """After an answer was waited for: what the conversation made of it and of the input kept."""
        if events:
            self._handle(events)
        self._flush()
        if self.conversation.wants_input:
            self._resume_reading()

    def _resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _accepted(self, decision: Reply) -> None:
        self._content_due_at = 0.0  # the next message has a window of its own
        self._answered(self.conversation.answer, decision)
        if self._engine.is_retired:
            self.conversation.retire(reply.SHUTTING_DOWN)

    def _disk_ready(self) -> None:
        self._answered(self.conversation.disk_ready)

    async def _authenticate(self, event: AuthRequested) -> None:
        outcome = await self._check_password(event)
        self._engine.tally.authentications[_AUTHENTICATIONS[outcome]] += 1
        self._answered(self.conversation.authenticated, outcome)

    def _answered(self, go_on: Callable[..., Sequence[Event]], *answer: object) -> None:
        if self.conversation.is_closed:  # the peer hung up meanwhile, or we had to
            return
        try:
            self._go_on(go_on(*answer))
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs
            self._hang_up(local_error(self, error))

    async def _check_password(self, event: AuthRequested) -> Reply:
        engine, endpoint = self._engine, self.conversation.terms.endpoint
        if endpoint.auth_problem:
            log.error("auth_unavailable", endpoint=endpoint.id, reason=endpoint.auth_problem)
            return reply.AUTH_UNAVAILABLE
        if refusal := self._ticket.auth_refusal():
            return self._auth_failed(refusal)
        try:
            result = await engine.passwords.check(
                endpoint, LoginPassword(event.login, event.password), datetime.now(UTC)
            )
        except Overloaded:
            log.warning("auth_overloaded", endpoint=endpoint.id, peer=self.peer_address)
            return reply.AUTH_UNAVAILABLE
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs
            local_error(self, error)
            return reply.AUTH_UNAVAILABLE
        if result.success:
            return reply.AUTH_SUCCEEDED
        self._ticket.note_failed_auth()
        return self._auth_failed(reply.AUTH_INVALID)

    def _auth_failed(self, outcome: Reply) -> Reply:
        log.info(
            "auth_failed",
            session_id=self.session_id,
            endpoint=self._endpoint_id,
            peer=self.peer_address,
            code=outcome.code,
        )
        return outcome

    async def _start_tls(self) -> None:
        turn = await self._engine.handshakes.turn()
        if turn is None:
            log.warning("tls_overloaded", endpoint=self._endpoint_id, peer=self.peer_address)
            self._engine.tally.handshakes[Handshake.OVERLOADED] += 1
            self._answered(self.conversation.tls_refused)
            return
        try:
            await self._shake_hands()
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs
            self._hang_up(local_error(self, error))
        finally:
            turn.end()

    async def _shake_hands(self) -> None:
        engine = self._engine
        try:
            tls = await engine.tls.of(self.conversation.terms.endpoint)
        except OSError as error:
            log.error("tls_unavailable", endpoint=self._endpoint_id, reason=str(error))
            engine.tally.handshakes[Handshake.UNAVAILABLE] += 1
            self._answered(self.conversation.tls_refused)
            return
        if self.conversation.is_closed or self._transport.is_closing():
            return
        try:
            # From here to the first await nothing else runs: no byte after the 220 goes astray.
            self._send(reply.READY_FOR_TLS.wire)
            self.send_now()
            transport = await engine.loop.start_tls(
                self._transport,
                self,
                tls.context,
                server_side=True,
                ssl_handshake_timeout=engine.config.handshake_timeout_seconds,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            log.info("tls_failed", endpoint=self._endpoint_id, peer=self.peer_address, reason=str(error))
            engine.tally.handshakes[Handshake.FAILED] += 1
            self._transport.abort()
            return
        if transport is None:  # the peer hung up during the handshake
            return
        self._transport = transport
        secured = transport.get_extra_info("ssl_object")
        self.tls_cipher = secured.cipher()[0]
        version = _TLS_VERSIONS[secured.version()]
        engine.tally.handshakes[version] += 1
        self._wait_for_peer()
        hindrance = None if tls.trust is None else self._admit(secured, tls.trust)
        self._answered(self.conversation.tls_established, version, hindrance)

    def _admit(self, secured: ssl.SSLObject, trust: Trust) -> Reply | None:
        """To an mTLS endpoint. What the client hears where it is not admitted."""
        admitted = admission(secured, trust)
        self.client_certificate = admitted.certificate
        if admitted.refusal is not None:
            log.info(
                "client_certificate_refused",
                endpoint=self._endpoint_id,
                peer=self.peer_address,
                reason=admitted.reason,
            )
        return admitted.refusal

    # --- time -------------------------------------------------------------------------------------

    def _wait_for_peer(self) -> None:
        self._deadline = self._engine.loop.time() + self._engine.idle_seconds

    def check_time(self, now: float) -> None:
        """Called about once a second by the engine."""
        if self._is_lingering:
            if now > self._deadline:
                self._transport.abort()
            return
        if not self._is_admitted:  # waiting for a PROXY header
            if now > self._deadline:
                self._transport.abort()
            return
        if self.conversation.is_waiting:
            return
        content_bytes = self.conversation.content_bytes
        if content_bytes is None:
            self._content_due_at = 0.0
            if now > self._deadline:
                self._hang_up(reply.IDLE_TIMEOUT)
        elif not self._content_due_at or content_bytes < self._content_bytes:
            self._content_bytes, self._content_due_at = content_bytes, now + _RATE_WINDOW_SECONDS
        elif now > self._content_due_at:
            least = self._engine.config.min_bytes_per_second * _RATE_WINDOW_SECONDS
            if content_bytes - self._content_bytes < least:
                log.info("content_too_slow", session_id=self.session_id, peer=self.peer_address)
                self._hang_up(reply.TOO_SLOW)
            self._content_bytes, self._content_due_at = content_bytes, now + _RATE_WINDOW_SECONDS

    # --- what the engine wants --------------------------------------------------------------------

    def follow_terms(self) -> None:
        """The listener's terms are new: they hold from the next command on."""
        if not self._is_admitted or self._is_lingering:
            return
        if self.listener.terms is None:
            self.drain(reply.ENDPOINT_CLOSED)
        else:
            self.conversation.adopt(self.listener.terms)

    def hurry(self) -> None:
        """The time that a peer may be silent has become shorter."""
        self._deadline = min(self._deadline, self._engine.loop.time() + self._engine.idle_seconds)

    def drain(self, farewell: Reply) -> None:
        """Say `farewell` and close: now, or when the transaction under way is over."""
        if self._is_lingering:
            return
        if not self._is_admitted:
            self._transport.abort()
            return
        self.conversation.drain(farewell)
        self._flush()

    def give_up(self) -> None:
        """Shutdown can't wait longer."""
        if self._is_admitted and not self._is_lingering:
            self._hang_up(reply.SHUTTING_DOWN)
        self.send_now()
        self._transport.close()


@lru_cache(4096)
def peer_address(text: str) -> Address:
    """Of a socket's peer: without the scope of a link-local address, IPv4-mapped as IPv4."""
    return unmapped(ip_address(text.partition("%")[0]))
