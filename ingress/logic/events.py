"""What a conversation tells the one who holds its connection."""

from dataclasses import dataclass

from core.reply import Reply
from ingress.logic.budget import OverflowFile
from ingress.logic.content import Content
from ingress.logic.transfer import LargeMessage


@dataclass(frozen=True, slots=True)
class TlsRequested:
    """Send READY_FOR_TLS and shake hands, then call `tls_established`; or `tls_refused` instead."""


@dataclass(frozen=True, slots=True)
class AuthRequested:
    """Check, then call `authenticated`. `mechanism` LOGIN or PLAIN; the password is never shown."""

    mechanism: str
    login: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"AuthRequested({self.mechanism}, login={self.login!r}, password=...)"


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """Make it durable, then call `answer`. Until then `conversation.envelope` says from whom to whom."""

    content: Content | LargeMessage


@dataclass(frozen=True, slots=True)
class DiskAwaited:
    """A large message comes faster than it can be written: call `disk_ready` when the file is idle."""

    file: OverflowFile


@dataclass(frozen=True, slots=True)
class Refused:
    """With `reply`: one recipient at RCPT, or (`forward_paths` all that were taken) the whole message."""

    reply: Reply
    reverse_path: str
    forward_paths: tuple[str, ...]


Event = TlsRequested | AuthRequested | MessageReceived | DiskAwaited | Refused
