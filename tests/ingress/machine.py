"""A conversation without a connection: bytes in, all replies and events out, every wait answered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import Session

from core import reply
from core.envelope import TlsVersion
from core.reply import Reply
from endpoints.logic.snapshot import EndpointType, ServedEndpoint
from ingress.logic.budget import ByteBudget
from ingress.logic.conversation import Conversation
from ingress.logic.events import AuthRequested, DiskAwaited, Event, MessageReceived, Refused, TlsRequested
from ingress.logic.terms import Limits, Terms
from ingress.logic.transfer import LargeMessage
from policies.logic.evaluate import compile_policy
from tests.policies.documents import deny, policy, recipient

HOST_NAME = "abcdefghijkl.abcde.mail-manager-smtp.example"
ENDPOINT_ID = "inp-abcdefghijklmnopqrstuvwx"
PASSWORD = "Tr0ub4dor&3-for-mail"

DENYING_BLOCKED = policy("ALLOW", deny(recipient("STARTS_WITH", "blocked")))


def served(
    *,
    type: EndpointType = EndpointType.OPEN,
    is_tls_required: bool = False,
    document: dict[str, Any] = DENYING_BLOCKED,
    **changes: Any,
) -> ServedEndpoint:
    values: dict[str, Any] = {
        "id": ENDPOINT_ID,
        "name": "front-door",
        "is_open_for_mail": True,
        "is_probed": False,
        "addresses": ("127.0.0.1",),
        "host_name": HOST_NAME,
        "policy_id": "tp-1",
        "policy": compile_policy(document),
        "rule_set_id": "rs-1",
        **changes,
    }
    return ServedEndpoint(type=type, is_tls_required=is_tls_required, **values)


@dataclass
class Message:
    reverse_path: str
    forward_paths: tuple[str, ...]
    content: bytes
    options: tuple[str, ...] = ()
    is_smtputf8: bool = False


@dataclass
class Driver:
    """Feeds a conversation as a connection would. `heard`: all reply bytes, `messages`, `refusals`."""

    endpoint: ServedEndpoint = field(default_factory=served)
    limits: Limits = field(default_factory=Limits)
    budget: ByteBudget = field(default_factory=lambda: ByteBudget(1 << 30))
    decision: Reply = reply.OK
    password: str = PASSWORD
    tls_version: TlsVersion = TlsVersion.TLS1_3
    heard: bytes = b""
    messages: list[Message] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    handshakes: int = 0

    def __post_init__(self) -> None:
        self.conversation = Conversation(
            Terms(self.endpoint, self.limits),
            session=Session(None),  # type: ignore[arg-type]
            new_envelope=SmtpEnvelope,
            budget=self.budget,
            peer=ip_address("192.0.2.7"),
        )

    def says(self, *pieces: bytes | str) -> bytes:
        """What is heard after each piece (text: a line) was sent."""
        before = len(self.heard)
        for piece in pieces:
            self._handle(
                self.conversation.receive(piece if isinstance(piece, bytes) else piece.encode() + b"\r\n")
            )
            self.heard += self.conversation.take_output()
        return self.heard[before:]

    def transaction(self, *recipients: str, sender: str = "a@x.example") -> bytes:
        return self.says("EHLO c.example", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{to}>" for to in recipients))

    def message(self, stuffed: bytes) -> bytes:
        self.transaction("b@y.example")
        return self.says("DATA", stuffed)

    def _handle(self, events: Iterable[Event]) -> None:
        for event in events:
            self.heard += self.conversation.take_output()
            if isinstance(event, MessageReceived):
                envelope = self.conversation.envelope
                assert envelope is not None
                assert envelope.mail_from is not None
                self.messages.append(
                    Message(
                        envelope.mail_from,
                        tuple(envelope.rcpt_tos),
                        _bytes_of(event.content),
                        tuple(envelope.mail_options),
                        envelope.smtp_utf8,
                    )
                )
                self._handle(self.conversation.answer(self.decision))
            elif isinstance(event, DiskAwaited):
                event.file.when_idle(self._disk_ready)
            elif isinstance(event, AuthRequested):
                is_right = (event.login.decode("latin-1"), event.password.decode("latin-1")) == (
                    self.endpoint.id,
                    self.password,
                )
                outcome = reply.AUTH_SUCCEEDED if is_right else reply.AUTH_INVALID
                self._handle(self.conversation.authenticated(outcome))
            elif isinstance(event, TlsRequested):
                self.handshakes += 1
                self.heard += reply.READY_FOR_TLS.wire
                self._handle(self.conversation.tls_established(self.tls_version))
            else:
                self.refusals.append(event)

    def _disk_ready(self) -> None:
        self._handle(self.conversation.disk_ready())
        self.heard += self.conversation.take_output()


@dataclass
class FileInMemory:
    """Of a budget's `open_file`: busy from each `write` until `rest`, if `is_slow`."""

    is_slow: bool = False
    is_busy: bool = False
    has_failed: bool = False
    is_discarded: bool = False
    pieces: list[bytes] = field(default_factory=list)
    _after: Callable[[], None] | None = None

    def write(self, piece: bytes | bytearray) -> None:
        assert not self.is_busy
        assert not self.is_discarded
        self.pieces.append(bytes(piece))
        self.is_busy = self.is_slow

    def rest(self, *, failed: bool = False) -> None:
        self.is_busy, self.has_failed = False, self.has_failed or failed
        after, self._after = self._after, None
        if after is not None:
            after()

    def when_idle(self, after: Callable[[], None]) -> None:
        assert self.is_busy
        self._after = after

    def complete(self, field: bytes, rest: bytes | bytearray, completed: Callable[[Any], None]) -> None:
        raise NotImplementedError("of a real one")

    def discard(self) -> None:
        self.is_discarded, self._after = True, None


def _bytes_of(content: bytes | bytearray | LargeMessage) -> bytes:
    if isinstance(content, LargeMessage):
        assert isinstance(content.file, FileInMemory)
        return b"".join(content.file.pieces) + content.rest
    return bytes(content)


def wire(*replies: Reply) -> bytes:
    return b"".join(one.wire for one in replies)
