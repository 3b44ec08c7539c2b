"""One message handed on in a conversation with an SMTP or LMTP server: MAIL, RCPT, DATA, and what it answers.

A reply decides; what goes wrong before one (connection, time-out, words that are no reply) is
temporary. A connection that was lost after the content left may mean that the peer has the message:
it is sent again, for at-least-once is what the 250 promised.
"""

from collections.abc import Callable
from dataclasses import dataclass

from core.message import Message
from mailflow.actions.contract import Finish, Result
from relays.conversation import Conversation, PeerFault
from relays.logic.replies import HeardReply

MAX_WORDS = 500  # of Result.words

_TOO_MANY_CODE = 552  # RFC 5321 §4.5.3.1.10: to RCPT, old servers mean 452 4.5.3 by it
TOO_MANY_STATUS = "4.5.3"  # RFC 3463 §3.6


@dataclass(frozen=True, slots=True)
class Transaction:
    """One message for some of its recipients. `is_smtputf8`: it was announced so to us."""

    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes
    is_smtputf8: bool = False


class Stale(Exception):
    """A connection that was used before had ended meanwhile; no content was sent on it."""


class Attempt:
    """`results[i]` stands for `transaction.recipients[i]`; None as long as that is open."""

    def __init__(self, conversation: Conversation, transaction: Transaction) -> None:
        self.conversation = conversation
        self.transaction = transaction
        self.results: list[Result | None] = [None] * len(transaction.recipients)
        self.is_utf8 = needs_smtputf8(transaction)
        self._refuse_unsendable()
        self._open_ones = [index for index, result in enumerate(self.results) if result is None]
        self._lines = self._commands(self._open_ones)
        self._is_begun = False

    @property
    def is_settled(self) -> bool:
        """Before anything was said: this peer can't be given the message."""
        return not self._open_ones

    def begin(self) -> bytes:
        """The commands, all in one group (RFC 2920 §3.1: DATA is the last of one), for who sends them at
        once. Only where the peer offers PIPELINING."""
        self._is_begun = True
        return b"".join(self._lines)

    async def run(self, follow: Callable[[], bytes]) -> None:
        """Settles each recipient. `follow`: what is to be sent right behind the content, which may begin
        a group (RFC 2920 §3.1). PeerFault where the conversation is over, Stale where it was before."""
        conversation, open_ones = self.conversation, self._open_ones
        if self._is_begun:
            data_reply = await self._hear_group(open_ones)
        elif conversation.offers("PIPELINING"):
            conversation.say(self.begin())
            data_reply = await self._hear_group(open_ones)
        else:
            data_reply = await self._ask_each(open_ones, self._lines)
        accepted = [index for index in open_ones if self.results[index] is None]
        if data_reply and data_reply.code < 400 and data_reply.code != 354:
            raise PeerFault(f"{conversation.target.host} said {data_reply} to DATA")
        if data_reply is None or data_reply.code != 354:
            for index in accepted:
                self._settle(index, data_reply)
            await self._reset()
        elif not accepted:
            # All recipients were refused in a group, yet DATA was taken: nothing is sent (RFC 2920 §3.1).
            conversation.say(b".\r\n")
            await conversation.hear(conversation.timeouts.content)
        else:
            await self._send_content(accepted, follow)

    def _commands(self, open_ones: list[int]) -> list[bytes]:
        transaction, offers = self.transaction, self.conversation.offers
        mail = f"MAIL FROM:<{transaction.reverse_path}>"
        if offers("SIZE"):
            mail += f" SIZE={len(transaction.content)}"
        # DEVIATION: RFC 6152 §3 wants 8-bit content changed or refused where the peer lacks 8BITMIME.
        # Changing breaks signatures, refusing loses mail that all servers of this century take.
        if offers("8BITMIME") and not transaction.content.isascii():
            mail += " BODY=8BITMIME"
        if self.is_utf8:
            mail += " SMTPUTF8"
        recipients = [f"RCPT TO:<{transaction.recipients[index]}>" for index in open_ones]
        return [line.encode("utf-8", "surrogateescape") + b"\r\n" for line in (mail, *recipients, "DATA")]

    async def _hear_group(self, open_ones: list[int]) -> HeardReply | None:
        """The replies to a group, in order; DATA's."""
        seconds = self.conversation.timeouts
        mail_reply = await self._hear_mail()
        for index in open_ones:
            reply = await self.conversation.hear(seconds.command)
            if not mail_reply.is_positive:
                reply = mail_reply  # "Need MAIL first" says nothing
            if not reply.is_positive:
                self._settle(index, reply, is_rcpt=mail_reply.is_positive)
        return await self.conversation.hear(seconds.data)

    async def _ask_each(self, open_ones: list[int], commands: list[bytes]) -> HeardReply | None:
        """One command after the other; DATA's reply, None where it did not come to that."""
        seconds = self.conversation.timeouts
        mail, *recipients, data = commands
        self.conversation.say(mail)
        mail_reply = await self._hear_mail()
        if not mail_reply.is_positive:
            for index in open_ones:
                self._settle(index, mail_reply)
            return None
        for index, command in zip(open_ones, recipients, strict=True):
            self.conversation.say(command)
            reply = await self.conversation.hear(seconds.command)
            if not reply.is_positive:
                self._settle(index, reply, is_rcpt=True)
        if all(self.results):
            return None
        self.conversation.say(data)
        return await self.conversation.hear(seconds.data)

    async def _hear_mail(self) -> HeardReply:
        conversation = self.conversation
        try:
            reply = await conversation.hear(conversation.timeouts.command)
        except PeerFault:
            if conversation.transactions and not conversation.is_open:
                raise Stale from None
            raise
        if reply.code == 421 and conversation.transactions:  # it waited too long for us
            raise Stale
        conversation.transactions += 1
        return reply

    async def _send_content(self, accepted: list[int], follow: Callable[[], bytes]) -> None:
        conversation = self.conversation
        try:
            await conversation.pour(_stuffed(self.transaction.content), follow)
        except PeerFault:
            if not conversation.was_told_more:  # else it said why before it hung up
                raise
        if conversation.target.is_lmtp:  # RFC 2033 §4.2: a reply for each that RCPT accepted, in order
            for index in accepted:
                self._settle(index, await conversation.hear(conversation.timeouts.content))
        else:
            reply = await conversation.hear(conversation.timeouts.content)
            for index in accepted:
                self._settle(index, reply)

    async def _reset(self) -> None:
        """After a transaction that ended before its content: forget it, to use the connection again."""
        try:
            await self.conversation.ask("RSET")
        except PeerFault:
            await self.conversation.close()

    def _refuse_unsendable(self) -> None:
        """Settle what this peer can never be given."""
        transaction, conversation = self.transaction, self.conversation
        host = conversation.target.host
        limit = conversation.extensions.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < len(transaction.content):
            words = f"the message has {len(transaction.content)} bytes, {host} takes at most {limit}"
            self.settle_rest(Finish.PERMANENT, words, "5.3.4")
        for index, recipient in enumerate(transaction.recipients):
            if _breaks_lines(recipient) or _breaks_lines(transaction.reverse_path):
                self.results[index] = self._result(
                    index, Finish.PERMANENT, "the address has line breaks", "5.1.3"
                )
        if self.is_utf8 and not conversation.offers("SMTPUTF8"):
            words = f"an address or the header has letters beyond ASCII, and {host} does not offer SMTPUTF8"
            self.settle_rest(Finish.PERMANENT, words, "5.6.7")

    # --- settling ---------------------------------------------------------------------------------

    def settle_rest(self, finish: Finish, words: str, status: str = "") -> None:
        """The same for every recipient that is open."""
        for index, result in enumerate(self.results):
            if result is None:
                self.results[index] = self._result(index, finish, words, status)

    def _settle(self, index: int, reply: HeardReply | None, *, is_rcpt: bool = False) -> None:
        assert reply, "an open recipient without a reply"
        finish, status = Finish.TEMPORARY, reply.enhanced_code
        if reply.is_positive:
            finish = Finish.DONE
        elif is_rcpt and reply.code == _TOO_MANY_CODE and not status:
            status = TOO_MANY_STATUS
        elif reply.is_permanent:
            finish = Finish.PERMANENT
        self.results[index] = self._result(
            index, finish, f"{self.conversation.target.host} said {reply}", status
        )

    def _result(self, index: int, finish: Finish, words: str, status: str) -> Result:
        recipient = self.transaction.recipients[index]
        return Result(recipient, finish, words[:MAX_WORDS], status, self.conversation.target.host)


def needs_smtputf8(transaction: Transaction) -> bool:
    """RFC 6531 §3.4: letters beyond ASCII in an address, or in the header where that was announced.

    A raw 8-bit header that nobody announced is old mail's habit, and passes as it came.
    """
    paths = (transaction.reverse_path, *transaction.recipients)
    if not all(path.isascii() for path in paths):
        return True
    return transaction.is_smtputf8 and not Message(transaction.content).header_bytes.isascii()


def _breaks_lines(path: str) -> bool:
    return any(letter in path for letter in "\r\n\0")


def _stuffed(content: bytes) -> bytes:
    """As sent after DATA: dots doubled at the start of lines, and the end (RFC 5321 §4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if not stuffed or stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
