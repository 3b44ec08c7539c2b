"""One connection: a Conversation on a transport, what it waits for, and how long."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import structlog
from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import Session

from core import reply
from core.cidr import Address, unmapped
from core.envelope import ClientCertificate
from core.reply import Reply
from ingress.acceptance import local_error
from ingress.gate import Ticket
from ingress.logic.conversation import Conversation
from ingress.logic.events import AuthRequested, DiskAwaited, Event, MessageReceived, Refused
from ingress.proxy import BadProxyHeader, ProxyHeader
from ingress.sign_in import check_password
from ingress.starttls import start_tls
from ingress.tally import Authentication, TypeTally
from ingress.tls_transport import TlsTransport

if TYPE_CHECKING:
    from ingress.engine import Engine
    from ingress.listeners import Listener

log = structlog.get_logger()

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
        "_is_admitted",
        "_is_lingering",
        "_layer",
        "_session_id",
        "_tally",
        "_task",
        "_unsent",
        "client_certificate",
        "conversation",
        "endpoint_address",
        "endpoint_id",
        "engine",
        "listener",
        "note_message",
        "peer_address",
        "ticket",
        "tls_cipher",
        "transport",
    )

    conversation: Conversation  # from the greeting on; before it there is none to be asked
    _tally: TypeTally  # the same: where it is counted as open
    ticket: Ticket  # the same: of the gate

    def __init__(self, engine: "Engine", listener: "Listener") -> None:
        self.engine = engine
        self.listener = listener
        self.endpoint_address = listener.address
        self.peer_address = ""
        self.tls_cipher = ""
        self.client_certificate: ClientCertificate | None = None
        self.note_message: Callable[[int, int], None] | None = None
        self.endpoint_id = listener.endpoint_id  # as it was counted at the gate
        self._session_id = ""
        self.transport: Any = None
        self._unsent = b""  # in the outbox
        self._task: asyncio.Task[None] | None = None  # what is waited for
        self._layer: ProxyHeader | TlsTransport | None = None  # between socket and conversation
        self._is_admitted = False
        self._is_lingering = False
        self._deadline = 0.0
        self._content_bytes = 0
        self._content_due_at = 0.0

    @property
    def session_id(self) -> str:
        """Made when first asked for: many connections never have anything to tell."""
        if not self._session_id:
            self._session_id = self.engine.new_session_id()
        return self._session_id

    # --- the transport's calls --------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.wait_for_peer()
        self.engine.sessions.add(self)
        peer = transport.get_extra_info("peername")
        if not peer:  # it has hung up already
            transport.abort()
            return
        address = peer_address(peer[0])
        if address in self.engine.config.proxy_networks:
            self._layer = header = ProxyHeader()
            self._deadline = self.engine.loop.time() + self.engine.config.handshake_timeout_seconds
            self.wait_for(self._read_proxy_header(header, address))
        else:
            self._begin(address)

    def data_received(self, chunk: bytes) -> None:
        if self._layer is not None:
            self._layer.feed(chunk)
        else:
            self.content_received(chunk)

    def content_received(self, content: bytes) -> None:
        """For the conversation."""
        if self._is_lingering:
            return
        try:
            events = self.conversation.receive(content)
            if events:
                self._handle(events)
            self._flush()
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs, and unknown faults are temporary
            self.hang_up(local_error(self, error))

    def eof_received(self) -> bool:
        """The peer sends no more. A message that is being stored still gets its reply."""
        self.send_now()
        return self.content_ended() if self._layer is None else self._layer.end()

    def content_ended(self) -> bool:
        """Whether the connection stays open, for an answer."""
        if not self._is_admitted or self._is_lingering or not self.conversation.is_waiting:
            return False
        self.conversation.drain(reply.BYE)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.engine.forget(self)
        self._is_lingering = True
        self._unsent = b""
        if self._is_admitted:
            self._is_admitted = False
            self.conversation.close()
            self._tally.open_sessions -= 1
            self.ticket.leave(self.conversation.errors)
        if self._layer is not None:
            self._layer.end()

    def pause_writing(self) -> None:
        """The peer does not read what it asked for: nothing more is read from it meanwhile."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._resume_reading()

    # --- beginning and end ------------------------------------------------------------------------

    def _begin(self, peer: Address) -> None:
        self.peer_address = str(peer)
        terms = self.listener.terms
        if terms is None:
            self._turn_away(reply.ENDPOINT_CLOSED)
            return
        ticket = self.engine.gate.enter(peer, self.endpoint_id)
        if isinstance(ticket, Reply):
            log.info(
                "connection_refused",
                peer=self.peer_address,
                endpoint=self.endpoint_id,
                reason=ticket.text,
            )
            self._turn_away(ticket)
        else:
            self.ticket = ticket
            limits_mail = ticket.limits_mail
            if limits_mail:
                self.note_message = ticket.note_message
            self.conversation = Conversation(
                terms,
                session=Session(self.engine.loop),
                new_envelope=SmtpEnvelope,
                budget=self.engine.budget,
                peer=peer,
                mail_refusal=ticket.mail_refusal if limits_mail else None,
            )
            self._is_admitted = True
            self._tally = self.engine.tally.by_type[terms.endpoint.type]
            self._tally.sessions += 1
            self._tally.open_sessions += 1
            self.send(terms.greeting.wire)

    async def _read_proxy_header(self, header: ProxyHeader, balancer: Address) -> None:
        try:
            peer = await header.read()
        except BadProxyHeader as error:
            log.warning("proxy_header_refused", peer=str(balancer), reason=str(error))
            self.transport.abort()
            return
        self._layer = None
        if self.transport.is_closing():
            return
        self.wait_for_peer()
        self._begin(unmapped(peer) if peer is not None else balancer)
        if rest := await header.rest():
            self.data_received(rest)

    def _turn_away(self, farewell: Reply) -> None:
        self.engine.tally.refused(farewell)
        self.send(farewell.wire)
        self._linger()

    def hang_up(self, farewell: Reply) -> None:
        self.engine.tally.refused(farewell)
        self.conversation.close(farewell)
        self._flush()

    def _hang_up_soon(self) -> None:
        self._is_lingering = True
        self._deadline = self.engine.loop.time() + _LINGER_SECONDS

    def _linger(self) -> None:
        """Hang up when the peer has, or soon; until then what it sends is dropped."""
        self._hang_up_soon()
        self._resume_reading()
        self.send_now()
        self.transport.write_eof()

    # --- events and replies -----------------------------------------------------------------------

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, MessageReceived):
                self.engine.acceptance.accept(self, event.content, self._accepted)
            elif isinstance(event, Refused):
                self.engine.acceptance.refuse(self, event)
            elif isinstance(event, AuthRequested):
                self.wait_for(self._authenticate(event))
            elif isinstance(event, DiskAwaited):
                event.file.when_idle(self._disk_ready)
            else:
                start_tls(self)

    def secure(self, layer: TlsTransport) -> None:
        """All that comes and goes from now on passes through it."""
        self.transport.resume_reading()  # it may have been told to wait, for its turn
        self._layer = self.transport = layer

    def wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        """In a task of its own, which goes on with the session."""
        self._task = self.engine.loop.create_task(work)

    def _flush(self) -> None:
        """Sends the replies, and stops or starts reading as the conversation wants it."""
        conversation, transport = self.conversation, self.transport
        output = conversation.take_output()
        if output:
            self.send(output)
            self.wait_for_peer()
        if conversation.is_closed:
            if conversation.farewell is reply.BYE:
                self._close()
                self._hang_up_soon()  # if it does not read its replies, they are never sent
            elif not self._is_lingering and not transport.is_closing():
                self._linger()
        elif not conversation.wants_input:
            transport.pause_reading()

    def send(self, output: bytes) -> None:
        if self._unsent:
            self._unsent += output
        else:
            self._unsent = output
            self.engine.outbox.add(self)

    def send_now(self) -> None:
        """What is in the outbox: when its turn has come, or before the transport changes or closes."""
        output, self._unsent = self._unsent, b""
        if output and not self.transport.is_closing():
            self.transport.write(output)

    def _close(self) -> None:
        """When all that was sent has left."""
        if isinstance(self._layer, TlsTransport):
            output, self._unsent = self._unsent, b""
            self._layer.close(output)
        else:
            self.send_now()
            self.transport.close()

    def _go_on(self, events: Sequence[Event]) -> None:
        """After an answer was waited for: what the conversation made of it and of the input kept."""
        if events:
            self._handle(events)
        self._flush()
        if self.conversation.wants_input:
            self._resume_reading()

    def _resume_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _accepted(self, decision: Reply) -> None:
        self._content_due_at = 0.0  # the next message has a window of its own
        self.go_on_with(self.conversation.answer, decision)
        if self.engine.is_retired:
            self.conversation.retire(reply.SHUTTING_DOWN)

    def _disk_ready(self) -> None:
        self.go_on_with(self.conversation.disk_ready)

    async def _authenticate(self, event: AuthRequested) -> None:
        outcome = await check_password(self, event)
        self.engine.tally.authentications[_AUTHENTICATIONS[outcome]] += 1
        self.go_on_with(self.conversation.authenticated, outcome)

    def go_on_with(self, go_on: Callable[..., Sequence[Event]], *answer: object) -> None:
        if self.conversation.is_closed:  # the peer hung up meanwhile, or we had to
            return
        try:
            self._go_on(go_on(*answer))
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs
            self.hang_up(local_error(self, error))

    # --- time -------------------------------------------------------------------------------------

    def wait_for_peer(self) -> None:
        self._deadline = self.engine.loop.time() + self.engine.idle_seconds

    def check_time(self, now: float) -> None:
        """Called about once a second by the engine."""
        if self._is_lingering:
            if now > self._deadline:
                self.transport.abort()
            return
        if not self._is_admitted:  # waiting for a PROXY header
            if now > self._deadline:
                self.transport.abort()
            return
        if self.conversation.is_waiting:
            return
        content_bytes = self.conversation.content_bytes
        if content_bytes is None:
            self._content_due_at = 0.0
            if now > self._deadline:
                self.hang_up(reply.IDLE_TIMEOUT)
        elif not self._content_due_at or content_bytes < self._content_bytes:
            self._content_bytes, self._content_due_at = content_bytes, now + _RATE_WINDOW_SECONDS
        elif now > self._content_due_at:
            least = self.engine.config.min_bytes_per_second * _RATE_WINDOW_SECONDS
            if content_bytes - self._content_bytes < least:
                log.info("content_too_slow", session_id=self.session_id, peer=self.peer_address)
                self.hang_up(reply.TOO_SLOW)
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
        self._deadline = min(self._deadline, self.engine.loop.time() + self.engine.idle_seconds)

    def drain(self, farewell: Reply) -> None:
        """Say `farewell` and close: now, or when the transaction under way is over."""
        if self._is_lingering:
            return
        if not self._is_admitted:
            self.transport.abort()
            return
        self.conversation.drain(farewell)
        self._flush()

    def give_up(self) -> None:
        """Shutdown can't wait longer."""
        if self._is_admitted and not self._is_lingering:
            self.hang_up(reply.SHUTTING_DOWN)
        self._close()


@lru_cache(4096)
def peer_address(text: str) -> Address:
    """Of a socket's peer: without the scope of a link-local address, IPv4-mapped as IPv4."""
    return unmapped(ip_address(text.partition("%")[0]))
