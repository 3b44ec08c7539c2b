"""The part of a conversation that moves mail: MAIL, RCPT, DATA, BDAT, and what ends a transaction."""

from collections.abc import Callable

from core import reply
from core.cidr import Address
from core.envelope import TlsVersion
from core.reply import Reply
from ingress.logic import commands
from ingress.logic.budget import ByteBudget, OverflowFile
from ingress.logic.content import Found
from ingress.logic.events import DiskAwaited, MessageReceived, Refused
from ingress.logic.state import EnvelopeState, SessionState
from ingress.logic.stream import Stream
from ingress.logic.terms import Terms
from ingress.logic.transfer import Transfer
from policies.logic.evaluate import Verdict


class Transaction(Stream):
    """One after the other on a connection; `envelope` None: none is under way (RFC 5321 §3.3)."""

    __slots__ = (
        "_budget",
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
        super().__init__(type(self)._read_command, terms.limits.max_errors)
        self.terms = terms
        self.session = session
        self.peer = peer
        self.envelope: EnvelopeState | None = None
        self.tls_version: TlsVersion | None = None
        self._new_envelope = new_envelope
        self._budget = budget
        self._mail_refusal = mail_refusal
        self._transfer: Transfer | None = None
        self._is_last_chunk = False
        self._refusals = self._idle_commands = 0

    def _read_command(self) -> bool:
        raise NotImplementedError

    def _expect_command(self) -> None:
        self._read = type(self)._read_command

    @property
    def content_bytes(self) -> int | None:
        """How much of a message has come; None while none is being read."""
        transfer = self._transfer
        return None if transfer is None or self._is_waiting else transfer.size_bytes

    # --- commands ---------------------------------------------------------------------------------

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
            self._read = Transaction._read_data

    def _bdat(self, argument: bytes) -> None:
        chunk = commands.read_chunk(argument)
        if chunk is None:  # who knows how many bytes follow: they shall not be read as commands
            return self.close(reply.SYNTAX_ERROR)
        size_bytes, self._is_last_chunk = chunk
        if self._transfer is None:
            self._transfer = Transfer(self.terms.max_message_bytes, self._budget)
            if self.envelope is None or not self.envelope.rcpt_tos:
                self._transfer.refuse(reply.NEED_RECIPIENT)  # the chunk follows all the same
        self._transfer.expect(size_bytes)
        if size_bytes:
            self._read = Transaction._read_chunk
        else:
            self._finish_chunk()
        return None

    def _idle(self, answer: bytes) -> None:
        """A reply to a command that brings no message nearer."""
        self._output.append(answer)
        self._idle_commands += 1
        if self._idle_commands > self.terms.limits.max_idle_commands:
            self.close(reply.TOO_MANY_ERRORS)

    # --- content ----------------------------------------------------------------------------------

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

    def _await_disk(self, file: OverflowFile) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._events.append(DiskAwaited(file))

    # --- the ends of things -----------------------------------------------------------------------

    def _finish_chunk(self) -> None:
        assert self._transfer is not None, "no transfer under way"
        self._expect_command()
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
        self._expect_command()
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
        self._expect_command()
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
