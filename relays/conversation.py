"""A conversation with an SMTP or LMTP server, from the greeting to QUIT, as a client.

Of asyncio's own, and not a library's: aiosmtplib and smtplib know neither LMTP, whose server answers
for each recipient after the content, nor command groups (RFC 2920). What comes is parsed by the pure
`relays.logic.replies`. Whatever goes wrong before the peer has answered is a PeerFault, which is
always temporary: only a reply to a mail transaction can refuse mail for good.
"""

import asyncio
import base64
import contextlib
import os
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import TypeVar

from django.conf import settings

from relays.logic.replies import HeardReply, ReplySyntaxError
from relays.resolver import LookUpFault, addresses_of
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

    async def pour(self, content: bytes) -> None:
        """A message's content, as piece after piece leaves. PeerFault where the peer stops reading."""
        for start in range(0, len(content), _WRITE_BYTES):
            self._wire.write(content[start : start + _WRITE_BYTES])
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


async def open_conversation(target: Target, timeouts: Timeouts, *, deadline: float) -> Conversation:
    """A conversation that is ready for MAIL, with TLS as the target wants it.

    The host's addresses are tried in order; PeerFault where none will do, with the words of each.
    """
    try:
        addresses = await addresses_of(target.host)
    except LookUpFault as fault:
        raise PeerFault(str(fault)) from fault
    faults = []
    for address in addresses:
        try:
            return await _open_at(target, address, timeouts, deadline)
        except PeerFault as fault:
            faults.append(str(fault))
    raise PeerFault("; ".join(faults))


async def _open_at(target: Target, address: str, timeouts: Timeouts, deadline: float) -> Conversation:
    try:
        return await _prepared(target, address, timeouts, deadline)
    except _HandshakeFault:
        # The message matters more than the curtain: whoever only would like TLS goes without it.
        return await _prepared(replace(target, tls=TlsUse.NEVER), address, timeouts, deadline)


class _HandshakeFault(Exception):
    """Optional TLS was offered, and then did not work."""


async def _prepared(target: Target, address: str, timeouts: Timeouts, deadline: float) -> Conversation:
    conversation = Conversation(target, address, timeouts)
    conversation.deadline = deadline
    try:
        await conversation.open()
        await conversation.greet()
        await _protect(conversation)
        if target.login:
            await _log_in(conversation, target.login)
    except BaseException:
        await conversation.close()
        raise
    return conversation


async def _protect(conversation: Conversation) -> None:
    """STARTTLS, as the target wants it."""
    target = conversation.target
    if target.tls is TlsUse.NEVER:
        return
    if target.tls is TlsUse.REQUIRED:
        if not conversation.offers("STARTTLS"):
            raise PeerFault(f"{target.host} does not offer STARTTLS, and TLS is required")
        if not await conversation.start_tls(_verifying_context(settings.OUTBOUND_CA_FILE)):
            raise PeerFault(f"{target.host} refuses STARTTLS, and TLS is required")
    elif conversation.offers("STARTTLS"):
        try:
            await conversation.start_tls(_trusting_context())
        except PeerFault as fault:
            raise _HandshakeFault from fault


async def _log_in(conversation: Conversation, login: Login) -> None:
    """AUTH PLAIN (RFC 4616) or LOGIN. PeerFault, with the peer's words but none of ours, where it fails."""
    host = conversation.target.host
    if not conversation.tls_version:
        raise PeerFault(f"{host}: a password is not sent without TLS")
    offered = conversation.extensions.get("AUTH", "").upper().split()
    if "PLAIN" in offered:
        reply = await conversation.ask("AUTH PLAIN " + _base64(f"\0{login.username}\0{login.password}"))
    elif "LOGIN" in offered:
        reply = await conversation.ask("AUTH LOGIN")
        for answer in (login.username, login.password):
            if reply.code == 334:
                reply = await conversation.ask(_base64(answer))
    else:
        raise PeerFault(f"{host} offers neither AUTH PLAIN nor AUTH LOGIN")
    if reply.code != 235:
        raise PeerFault(f"{host} refuses the credentials: {reply}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@cache
def _verifying_context(ca_file: str) -> ssl.SSLContext:
    """Trusts the system's authorities, and those in `ca_file` if there is one."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


@cache
def _trusting_context() -> ssl.SSLContext:
    """Against who only listens (RFC 7435): any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
