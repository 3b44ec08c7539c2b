"""The SMTP server's side of a conversation, without socket or clock: bytes in, replies and events out.

    receive(bytes) ─► events        take_output() ─► replies to send, those of a batch in one piece

Commands are worked off until something must be waited for; then input is kept until the answer:

| waits for        | event           | goes on with                     |
|------------------|-----------------|----------------------------------|
| a durable copy   | MessageReceived | answer()                         |
| a password check | AuthRequested   | authenticated()                  |
| a TLS handshake  | TlsRequested    | tls_established(), tls_refused() |
| a slow disk      | DiskAwaited     | disk_ready()                     |

Rules: whatever arrives, nothing here raises, and what is kept is bounded by the limits of `Terms`.
How the same bytes are cut into chunks changes neither replies nor events.
"""

from collections.abc import Callable, Sequence

from core import reply
from core.cidr import Address
from core.envelope import TlsVersion
from core.reply import Reply
from ingress.logic import commands
from ingress.logic.authentication import MAX_RESPONSE_BYTES, AuthExchange
from ingress.logic.budget import ByteBudget
from ingress.logic.events import AuthRequested, Event, TlsRequested
from ingress.logic.state import EnvelopeState, SessionState
from ingress.logic.stream import NOTHING
from ingress.logic.terms import Terms
from ingress.logic.transaction import Transaction


class Conversation(Transaction):
    """One connection's."""

    __slots__ = ("_exchange", "_farewell", "_hindrance")

    def __init__(
        self,
        terms: Terms,
        *,
        session: SessionState,
        new_envelope: Callable[[], EnvelopeState],
        budget: ByteBudget,
        peer: Address,
        mail_refusal: Callable[[], Reply | None] | None = None,
    ) -> None:
        super().__init__(
            terms,
            session=session,
            new_envelope=new_envelope,
            budget=budget,
            peer=peer,
            mail_refusal=mail_refusal,
        )
        self._exchange: AuthExchange | None = None
        self._farewell: Reply | None = None
        self._hindrance = _hindrance_in_clear(terms)

    # --- for the one who holds the connection -----------------------------------------------------

    @property
    def errors(self) -> int:
        """Commands that were wrong, failed AUTH, and recipients refused."""
        return self._errors + self._refusals

    def answer(self, decision: Reply) -> Sequence[Event]:
        """What became of the message of MessageReceived."""
        if decision.is_positive:
            self._idle_commands = 0
        self._output.append(decision.wire)
        self._end_transaction()
        return self._go_on()

    def authenticated(self, outcome: Reply) -> Sequence[Event]:
        """What became of AuthRequested: AUTH_SUCCEEDED, AUTH_INVALID, …; a 421 ends the session."""
        if outcome.code == 421:
            self.close(outcome)
        elif outcome is reply.AUTH_SUCCEEDED:
            self.session.authenticated = True
            self._output.append(outcome.wire)
        else:
            self._fail(outcome)
        return self._go_on()

    def tls_established(self, version: TlsVersion, hindrance: Reply | None = None) -> Sequence[Event]:
        """All that was learned in the clear is forgotten (RFC 3207 §4.2), all that came then dropped:
        commands smuggled in behind STARTTLS (CVE-2011-0411) are never read.

        `hindrance`: what the client hears to each command that leads to mail, for the rest of the session.
        """
        self.tls_version = version
        self._hindrance = hindrance
        self.session.host_name = None
        self.session.authenticated = None
        self._input, self._at = b"", 0
        self._end_transaction()
        self._expect_command()
        return self._go_on()

    def tls_refused(self) -> Sequence[Event]:
        self._output.append(reply.TLS_UNAVAILABLE.wire)
        return self._go_on()

    def disk_ready(self) -> Sequence[Event]:
        """What of a large message came so far is written, or could not be."""
        assert self._transfer is not None, "no transfer under way"
        self._transfer.written()
        events = self._go_on()
        if self._farewell is reply.BYE and not self._is_waiting:
            self.close()  # the peer had closed its side, and its message is not whole
        return events

    def adopt(self, terms: Terms) -> None:
        """New terms, from the next command on."""
        self.terms = terms
        if self.tls_version is None:
            self._hindrance = _hindrance_in_clear(terms)

    def _go_on(self) -> Sequence[Event]:
        self._is_waiting = False
        if self._farewell is not None and self.envelope is None and not self.is_closed:
            self.close(self._farewell)
        return self._run() if self._input else NOTHING

    def drain(self, farewell: Reply) -> None:
        """Ends the session with `farewell` (421): now, or when the transaction under way is over."""
        self._farewell = farewell
        if self.envelope is None and not self._is_waiting:
            self.close(farewell)

    def retire(self, farewell: Reply) -> None:
        """As `drain`, but at the next command: a client that says QUIT after its message hears no 421."""
        self._farewell = farewell

    def close(self, farewell: Reply | None = None) -> None:
        super().close(farewell)
        self._end_transaction()

    # --- reading ----------------------------------------------------------------------------------

    def _read_command(self) -> bool:
        line = self._line(commands.MAX_COMMAND_BYTES)
        if line is None:
            return self._is_skipping
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        if self._farewell is not None and self.envelope is None:
            self.close(reply.BYE if verb == b"QUIT" else self._farewell)
            return False
        command = _COMMANDS.get(verb)
        if command is None:
            self._unknown(verb)
        elif self._hindrance is not None and verb not in _IN_SPITE_OF_HINDRANCE:
            self._fail(self._hindrance)
        else:
            command(self, argument)
        return not self.is_closed

    def _read_auth_line(self) -> bool:
        assert self._exchange is not None, "no AUTH exchange under way"
        line = self._line(MAX_RESPONSE_BYTES + 2)
        if line is None:
            return self._is_skipping
        self._take_auth_step(self._exchange.respond(line))
        return not self.is_closed

    def _line_skipped(self) -> None:
        self._exchange = None
        self._expect_command()
        self._fail(reply.LINE_TOO_LONG)

    # --- commands ---------------------------------------------------------------------------------

    def _unknown(self, verb: bytes) -> None:
        if verb in _FOREIGN:  # a web client led here by somebody: what follows are no mistakes
            self.close(reply.COMMAND_UNKNOWN)
        else:
            self._fail(reply.COMMAND_NOT_IMPLEMENTED if verb in _NOT_IMPLEMENTED else reply.COMMAND_UNKNOWN)

    def _ehlo(self, argument: bytes) -> None:
        if self._hello(argument, is_extended=True):
            terms = self.terms
            self._idle(terms.ehlo_in_clear if self.tls_version is None else terms.ehlo_in_tls)

    def _helo(self, argument: bytes) -> None:
        if self._hello(argument, is_extended=False):
            self._idle(self.terms.helo)

    def _hello(self, argument: bytes, *, is_extended: bool) -> bool:
        name = commands.read_client_name(argument)
        if name is None:
            self._fail(reply.SYNTAX_ERROR)
            return False
        self._end_transaction()
        self.session.host_name = name
        self.session.extended_smtp = is_extended
        return True

    def _starttls(self, argument: bytes) -> None:
        if argument:
            self._fail(reply.SYNTAX_ERROR)
        elif self.tls_version is not None:
            self._fail(reply.TLS_ALREADY)
        elif not self.session.extended_smtp:
            self._fail(reply.NEED_HELO)
        else:
            self._events.append(TlsRequested())
            self._is_waiting = True

    def _auth(self, argument: bytes) -> None:
        terms = self.terms
        if not terms.is_auth_required:
            self._fail(reply.COMMAND_NOT_IMPLEMENTED)
        elif not self.session.extended_smtp:
            self._fail(reply.NEED_HELO)
        elif self.session.authenticated:
            self._fail(reply.AUTH_ALREADY)
        elif self.envelope is not None:  # RFC 4954 §4
            self._fail(reply.BAD_SEQUENCE)
        else:
            self._exchange = AuthExchange()
            self._take_auth_step(self._exchange.begin(argument))

    def _take_auth_step(self, step: Reply | AuthRequested) -> None:
        if isinstance(step, Reply) and step.code == 334:
            self._output.append(step.wire)
            self._read = Conversation._read_auth_line
            return
        self._exchange = None
        self._expect_command()
        if isinstance(step, Reply):
            self._fail(step)
        else:
            self._is_waiting = True
            self._events.append(step)

    def _rset(self, argument: bytes) -> None:
        if argument:
            return self._fail(reply.SYNTAX_ERROR)
        self._end_transaction()
        return self._idle(reply.RESET_OK.wire)

    def _noop(self, argument: bytes) -> None:
        self._idle(reply.OK.wire)

    def _vrfy(self, argument: bytes) -> None:
        if argument:
            self._idle(reply.CANNOT_VERIFY.wire)
        else:
            self._fail(reply.SYNTAX_ERROR)

    def _help(self, argument: bytes) -> None:
        self._idle(reply.HELP.wire)

    def _quit(self, argument: bytes) -> None:
        if argument:
            self._fail(reply.SYNTAX_ERROR)
        else:
            self.close(reply.BYE)


def _hindrance_in_clear(terms: Terms) -> Reply | None:
    return reply.TLS_REQUIRED if terms.endpoint.is_tls_required else None


_COMMANDS: dict[bytes, Callable[[Conversation, bytes], None]] = {
    b"EHLO": Conversation._ehlo,
    b"HELO": Conversation._helo,
    b"STARTTLS": Conversation._starttls,
    b"AUTH": Conversation._auth,
    b"MAIL": Conversation._mail,
    b"RCPT": Conversation._rcpt,
    b"DATA": Conversation._data,
    b"BDAT": Conversation._bdat,
    b"RSET": Conversation._rset,
    b"NOOP": Conversation._noop,
    b"VRFY": Conversation._vrfy,
    b"HELP": Conversation._help,
    b"QUIT": Conversation._quit,
}
_IN_SPITE_OF_HINDRANCE = frozenset({b"EHLO", b"STARTTLS", b"NOOP", b"QUIT"})  # RFC 3207 §4
_NOT_IMPLEMENTED = frozenset({b"EXPN", b"ETRN", b"TURN", b"ATRN", b"SEND", b"SOML", b"SAML"})
_FOREIGN = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"})
