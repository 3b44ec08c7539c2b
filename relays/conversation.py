"""A conversation with an SMTP or LMTP server, from the greeting to QUIT, as a client.

Of asyncio's own, and not a library's: aiosmtplib and smtplib know neither LMTP, whose server answers
for each recipient after the content, nor command groups (RFC 2920). What comes is parsed by the pure
`relays.logic.replies`. Whatever goes wrong before the peer has answered is a PeerFault, which is
always temporary: only a reply to a mail transaction can refuse mail for good.
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from django.conf import settings

from relays.logic.replies import HeardReply, ReplySyntaxError
from relays.wire import Wire

_WRITE_BYTES = 256 * 1024  # handed to the transport at once; each piece has its own time-out
_T = TypeVar("_T")


class TlsUse(StrEnum):
    NEVER = "NEVER"
    OPTIONAL = "OPTIONAL"  # when offered; whose certificate it is does not count (RFC 7435)
    REQUIRED = "REQUIRED"  # with a certificate for the host that we trust


@dataclass(frozen=True, slots=True)
class Login:
    """What to log in with (RFC 4954). Never printed."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to talk to. `host`: a name, whose A and AAAA are looked up, or an IP address.

    With a `login` the target's TLS is REQUIRED: who it is for has to be known first.
    """

    host: str
    port: int
    tls: TlsUse = TlsUse.OPTIONAL
    is_lmtp: bool = False
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each thing. RFC 5321 §4.5.3.2 has the least, but for `connect` and `quit`."""

    connect: float = 30.0
    greeting: float = 300.0
    handshake: float = 60.0
    command: float = 300.0  # EHLO, MAIL, RCPT, RSET
    data: float = 120.0
    block: float = 180.0  # for each piece of the content to leave
    content: float = 600.0  # the reply after the content
    quit: float = 5.0


class PeerFault(Exception):
    """The conversation is over, or never began. Temporary. The text is one line for the trace."""


class Conversation:
    """One connection. `deadline` (loop time) bounds every wait; whoever takes the connection sets it."""

    def __init__(self, target: Target, address: str, timeouts: Timeouts) -> None:
        self.target = target
        self.address = address
        self.timeouts = timeouts
        self.deadline = float("inf")
        self.extensions: dict[str, str] = {}
        self.tls_version = ""  # "TLSv1.3", once STARTTLS is through
        self.opened_at = 0.0  # loop time
        self.rested_at = 0.0  # loop time at which it was last used
        self.transactions = 0
        self._wire = Wire()

    def __repr__(self) -> str:
        return f"<Conversation with {self.target.host} [{self.address}]:{self.target.port}>"

    # --- opening ----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, and read the greeting; PeerFault where it is not 220."""
        loop = asyncio.get_running_loop()
        self.opened_at = loop.time()
        connecting = loop.create_connection(lambda: self._wire, self.address, self.target.port)
        await self._within(self.timeouts.connect, connecting, "connecting")
        greeting = await self.hear(self.timeouts.greeting)
        if greeting.code != 220:
            raise PeerFault(f"{self.target.host} greeted with {greeting}")

    async def greet(self) -> None:
        """EHLO (HELO where that is refused; LHLO in LMTP), and what the peer offers."""
        verb = "LHLO" if self.target.is_lmtp else "EHLO"
        reply = await self.ask(f"{verb} {settings.OUTBOUND_NAME}")
        if reply.is_positive:
            self.extensions = reply.extensions
            return
        self.extensions = {}
        if not self.target.is_lmtp and reply.is_permanent:
            reply = await self.ask(f"HELO {settings.OUTBOUND_NAME}")
        if not reply.is_positive:
            raise PeerFault(f"{self.target.host} said {reply} to {verb}")

    async def start_tls(self, context: ssl.SSLContext) -> bool:
        """STARTTLS and EHLO again; False where the peer says no. PeerFault where the handshake fails."""
        reply = await self.ask("STARTTLS")
        if reply.code != 220:
            return False
        handshake = self._wire.start_tls(context, self.target.host)
        self.tls_version = await self._within(self.timeouts.handshake, handshake, "the TLS handshake")
        await self.greet()
        return True

    # --- speaking ---------------------------------------------------------------------------------

    def offers(self, keyword: str) -> bool:
        return keyword in self.extensions

    async def ask(self, command: str) -> HeardReply:
        """A command, and its reply."""
        self.say(command.encode() + b"\r\n")
        return await self.hear(self.timeouts.command)

    def say(self, lines: bytes) -> None:
        """Commands, with their CRLF; the replies are heard in the same order."""
        self._wire.write(lines)

    async def pour(self, content: bytes, follow: Callable[[], bytes] = bytes) -> None:
        """A message's content, as piece after piece leaves, and with the last of it what `follow()` is then.
        PeerFault where the peer stops reading."""
        last = max(0, len(content) - 1) // _WRITE_BYTES * _WRITE_BYTES
        for start in range(0, last, _WRITE_BYTES):
            self._wire.write(content[start : start + _WRITE_BYTES])
            if self._wire.is_congested:
                await self._within(self.timeouts.block, self._wire.drained(), "sending the content")
        self._wire.write(content[last:] + follow())
        if self._wire.is_congested:
            await self._within(self.timeouts.block, self._wire.drained(), "sending the content")

    async def hear(self, seconds: float) -> HeardReply:
        """The next reply."""
        if self._wire.replies:
            return self._wire.replies.popleft()
        return await self._within(seconds, self._wire.next_reply(), "a reply")

    @property
    def was_told_more(self) -> bool:
        """Whether a reply lies there that nobody has heard."""
        return bool(self._wire.replies)

    # --- ending -----------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._wire.is_open

    async def quit(self) -> None:
        """QUIT, politely but without patience, and close."""
        if self._wire.is_open:
            self.deadline = float("inf")
            self.say(b"QUIT\r\n")
            with contextlib.suppress(PeerFault):  # it is over either way
                await self.hear(self.timeouts.quit)
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    async def _within(self, seconds: float, wish: Awaitable[_T], what: str) -> _T:
        loop = asyncio.get_running_loop()
        where = f"{self.target.host} [{self.address}]:{self.target.port}"
        try:
            async with asyncio.timeout_at(min(loop.time() + seconds, self.deadline)):
                return await wish
        except TimeoutError as error:
            raise PeerFault(f"{what} took too long at {where}") from error
        except ssl.SSLCertVerificationError as error:
            raise PeerFault(f"no trust in the certificate of {where}: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise PeerFault(f"TLS with {where} failed: {error.reason or error}") from error
        except OSError as error:
            words = os.strerror(error.errno) if error.errno else str(error)
            raise PeerFault(f"connection with {where} failed: {words}") from error
        except ReplySyntaxError as error:
            raise PeerFault(f"{where} does not speak SMTP: {error}") from error
