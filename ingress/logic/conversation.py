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
from ingress.logic.budget import ByteBudget, OverflowFile
from ingress.logic.content import Found
from ingress.logic.events import AuthRequested, DiskAwaited, Event, MessageReceived, Refused, TlsRequested
from ingress.logic.state import EnvelopeState, SessionState
from ingress.logic.stream import NOTHING, Stream
from ingress.logic.terms import Terms
from ingress.logic.transfer import Transfer
from policies.logic.evaluate import Verdict


class Conversation(Stream):
    """One connection's."""

    __slots__ = (
        "_budget",
        "_exchange",
        "_farewell",
        "_hindrance",
        "_idle_commands",
        "_is_last_chunk",
        "_mail_refusal",
        "_new_envelope",
        "_refusals",
        "_transfer",
        "envelope",
        "peer",
        "session",
        "terms",
        "tls_version",
    )

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
        """`mail_refusal`: asked at MAIL whether there was too much mail already."""
        super().__init__(Conversation._read_command, terms.limits.max_errors)
        self.session = session
        self.envelope: EnvelopeState | None = None
        self.tls_version: TlsVersion | None = None
        self._new_envelope = new_envelope
        self._budget = budget
        self._mail_refusal = mail_refusal
        self.peer = peer
        self._exchange: AuthExchange | None = None
        self._transfer: Transfer | None = None
        self._is_last_chunk = False
        self._refusals = self._idle_commands = 0
        self._farewell: Reply | None = None
        self.terms = terms
        self._hindrance = _hindrance_in_clear(terms)

    # --- for the one who holds the connection -----------------------------------------------------

    @property
    def content_bytes(self) -> int | None:
        """How much of a message has come; None while none is being read."""
        transfer = self._transfer
        return None if transfer is None or self._is_waiting else transfer.size_bytes

    @property
    def errors(self) -> int:
        """Commands that were wrong, failed AUTH, and recipients refused."""
        return self._errors + self._refusals

    def greet(self) -> None:
        self._output.append(self.terms.greeting.wire)

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
        self._read = Conversation._read_command
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

    def _read_data(self) -> bool:
        assert self._transfer is not None, "no transfer under way"
        found, self._at = self._transfer.feed(self._input, self._at)
        if found is Found.BARE_LINE_ENDING:
            self._refuse_message(reply.BARE_LINE_ENDING, is_final=True)
        elif self._transfer.is_hopeless:
            self._refuse_message(self._transfer.refusal or reply.MESSAGE_TOO_LARGE, is_final=True)
        elif found is Found.END:
            self._finish_message()
        elif self._transfer.awaited is not None:
            self._await_disk(self._transfer.awaited)
        return not self.is_closed

    def _read_chunk(self) -> bool:
        assert self._transfer is not None, "no transfer under way"
        is_complete, self._at = self._transfer.feed_chunk(self._input, self._at)
        if self._transfer.is_hopeless:
            self._refuse_message(self._transfer.refusal or reply.MESSAGE_TOO_LARGE, is_final=True)
        else:
            if is_complete:
                self._finish_chunk()
            if self._transfer is not None and self._transfer.awaited is not None:
                self._await_disk(self._transfer.awaited)
        return not self.is_closed

    def _line_skipped(self) -> None:
        self._exchange = None
        self._read = Conversation._read_command
        self._fail(reply.LINE_TOO_LONG)

    def _await_disk(self, file: OverflowFile) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._events.append(DiskAwaited(file))

    # --- the ends of things -----------------------------------------------------------------------

    def _finish_chunk(self) -> None:
        assert self._transfer is not None, "no transfer under way"
        self._read = Conversation._read_command
        if self._transfer.refusal is reply.NEED_RECIPIENT:
            self._drop_transfer()
            self._fail(reply.NEED_RECIPIENT)
        elif self._is_last_chunk:
            self._finish_message()
        elif self._transfer.refusal is not None:
            refusal = self._transfer.refusal
            self._refuse_message(refusal, is_final=refusal is reply.BARE_LINE_ENDING)
        else:
            self._output.append(reply.CHUNK_OK.wire)

    def _finish_message(self) -> None:
        assert self._transfer is not None, "no transfer under way"
        self._read = Conversation._read_command
        result = self._transfer.finish()
        if isinstance(result, Reply):
            self._refuse_message(result, is_final=result is reply.BARE_LINE_ENDING)
        else:
            self._is_waiting = True
            self._events.append(MessageReceived(result))

    def _refuse_message(self, refusal: Reply, *, is_final: bool = False) -> None:
        envelope = self.envelope
        if envelope is not None:
            self._events.append(Refused(refusal, envelope.mail_from or "", tuple(envelope.rcpt_tos)))
        self._end_transaction()
        self._read = Conversation._read_command
        if is_final:
            self.close(refusal)
        else:
            self._output.append(refusal.wire)

    def _end_transaction(self) -> None:
        self.envelope = None
        if self._transfer is not None:
            self._drop_transfer()

    def _drop_transfer(self) -> None:
        assert self._transfer is not None, "no transfer under way"
        self._transfer.release()
        self._transfer = None

    def _refuse_recipient(self, refusal: Reply, mailbox: str) -> None:
        assert self.envelope is not None, "a recipient outside of a transaction"
        self._output.append(refusal.wire)
        self._events.append(Refused(refusal, self.envelope.mail_from or "", (mailbox,)))
        self._refusals += 1
        if self._refusals > self.terms.limits.max_refusals:
            self.close(reply.TOO_MANY_ERRORS)

    def _idle(self, answer: bytes) -> None:
        """A reply to a command that brings no message nearer."""
        self._output.append(answer)
        self._idle_commands += 1
        if self._idle_commands > self.terms.limits.max_idle_commands:
            self.close(reply.TOO_MANY_ERRORS)

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
        self._read = Conversation._read_command
        if isinstance(step, Reply):
            self._fail(step)
        else:
            self._is_waiting = True
            self._events.append(step)

    def _mail(self, argument: bytes) -> None:
        terms = self.terms
        if complaint := self._mail_complaint():
            return self._fail(complaint)
        if terms.refusal is not None:
            return self._idle(terms.refusal.wire)
        mail = commands.read_mail(argument)
        if isinstance(mail, Reply):
            return self._fail(mail)
        size_bytes = mail.size_bytes or 0
        if size_bytes > terms.max_message_bytes:
            refusal: Reply | None = reply.MESSAGE_TOO_LARGE
        else:
            refusal = None if self._mail_refusal is None else self._mail_refusal()
        if refusal is not None:
            self._events.append(Refused(refusal, mail.reverse_path, ()))
            return self._idle(refusal.wire)
        if not self._budget.has_room(size_bytes):
            return self._idle(reply.STORAGE_FULL.wire)
        self.envelope = envelope = self._new_envelope()
        envelope.mail_from = mail.reverse_path
        envelope.smtp_utf8 = mail.is_smtputf8
        if mail.is_8bitmime:
            envelope.mail_options.append("BODY=8BITMIME")
        self._idle(reply.SENDER_OK.wire)
        return None

    def _mail_complaint(self) -> Reply | None:
        """What has to come before MAIL and did not."""
        if self.session.host_name is None:
            return reply.NEED_HELO
        if self.terms.is_auth_required and not self.session.authenticated:
            return reply.AUTH_REQUIRED
        return reply.MAIL_ALREADY if self.envelope is not None else None

    def _rcpt(self, argument: bytes) -> None:
        envelope, terms = self.envelope, self.terms
        if envelope is None:
            return self._fail(reply.NEED_MAIL)
        if self._transfer is not None:
            return self._fail(reply.BAD_SEQUENCE)
        mailbox = commands.read_rcpt(
            argument, is_smtputf8=envelope.smtp_utf8, host_name=terms.endpoint.host_name
        )
        if isinstance(mailbox, Reply):
            return self._fail(mailbox)
        decision = terms.endpoint.policy.decide(mailbox, self.peer, self.tls_version)
        if decision.verdict is not Verdict.ALLOW:
            is_denied = decision.verdict is Verdict.DENY
            return self._refuse_recipient(reply.ACCESS_DENIED if is_denied else reply.ACCESS_UNKNOWN, mailbox)
        if mailbox not in envelope.rcpt_tos:
            if len(envelope.rcpt_tos) >= terms.limits.max_recipients:
                return self._refuse_recipient(reply.TOO_MANY_RECIPIENTS, mailbox)
            envelope.rcpt_tos.append(mailbox)
        self._output.append(reply.RECIPIENT_OK.wire)
        return None

    def _data(self, argument: bytes) -> None:
        if argument:
            self._fail(reply.SYNTAX_ERROR)
        elif self.envelope is None:
            self._fail(reply.NEED_MAIL)
        elif not self.envelope.rcpt_tos:
            self._fail(reply.NEED_RECIPIENT)
        elif self._transfer is not None:  # BDAT has begun (RFC 3030 §2)
            self._fail(reply.BAD_SEQUENCE)
        else:
            self._transfer = Transfer(self.terms.max_message_bytes, self._budget)
            self._output.append(reply.START_MAIL_INPUT.wire)
            self._read = Conversation._read_data

    def _bdat(self, argument: bytes) -> None:
        chunk = commands.read_chunk(argument)
        if chunk is None:
            return self._fail(reply.SYNTAX_ERROR)
        size_bytes, self._is_last_chunk = chunk
        if self._transfer is None:
            self._transfer = Transfer(self.terms.max_message_bytes, self._budget)
            if self.envelope is None or not self.envelope.rcpt_tos:
                self._transfer.refuse(reply.NEED_RECIPIENT)  # the chunk follows all the same
        self._transfer.expect(size_bytes)
        if size_bytes:
            self._read = Conversation._read_chunk
        else:
            self._finish_chunk()
        return None

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
