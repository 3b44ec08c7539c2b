"""Hands messages on to SMTP and LMTP servers: one Result for each recipient, connections used again.

A reply decides; what goes wrong before one (connection, time-out, words that are no reply) is
temporary. A connection that was lost after the content left may mean that the peer has the message:
it is sent again, for at-least-once is what the 250 promised.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from core.message import Message
from mailflow.actions.contract import Finish, Result
from relays.conversation import Conversation, PeerFault, Target, Timeouts, open_conversation
from relays.logic.replies import HeardReply

MAX_CONNECTIONS = 10  # to one target from one worker process
MAX_TRANSACTIONS = 1000  # of one connection
REUSE_SECONDS = 300.0  # after which a connection is opened anew: addresses and certificates change
IDLE_SECONDS = 10.0
ATTEMPT_SECONDS = 780.0  # all of one delivery, within CELERY_TASK_TIME_LIMIT
_MAX_WORDS = 500  # of Result.words

_TOO_MANY_CODE = 552  # RFC 5321 §4.5.3.1.10: to RCPT, old servers mean 452 4.5.3 by it
_TOO_MANY_STATUS = "4.5.3"  # RFC 3463 §3.6


@dataclass(frozen=True, slots=True)
class Transaction:
    """One message for some of its recipients. `is_smtputf8`: it was announced so to us."""

    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes
    is_smtputf8: bool = False


async def deliver(target: Target, transaction: Transaction, timeouts: Timeouts | None = None) -> list[Result]:
    """A Result for each of the recipients, in their order. Raises nothing that a peer can cause."""
    results = await _pool().deliver(target, transaction, timeouts or Timeouts())
    left = [index for index, result in enumerate(results) if _is_one_too_many(result)]
    if 0 < len(left) < len(results):  # some were taken or refused for good: the rest go by themselves
        rest = replace(transaction, recipients=tuple(transaction.recipients[index] for index in left))
        for index, result in zip(left, await deliver(target, rest, timeouts), strict=True):
            results[index] = result
    return results


def _is_one_too_many(result: Result) -> bool:
    return result.finish is Finish.TEMPORARY and result.status == _TOO_MANY_STATUS


async def close_connections() -> None:
    """Say QUIT on what is idle, when a batch is done. Without it they close when the loop ends."""
    if pool := _pools.get(asyncio.get_running_loop()):
        await pool.close()


# --- one transaction ------------------------------------------------------------------------------


class _Stale(Exception):
    """A connection that was used before had ended meanwhile; nothing was sent on it."""


async def _transact(conversation: Conversation, transaction: Transaction) -> list[Result]:
    """MAIL, RCPT, DATA. _Stale where an old connection turns out to be dead at MAIL."""
    attempt = _Attempt(conversation, transaction)
    try:
        await attempt.run()
    except PeerFault as fault:
        await conversation.close()
        attempt.settle_rest(Finish.TEMPORARY, str(fault))
    return [result for result in attempt.results if result]


class _Attempt:
    """`results[i]` stands for `transaction.recipients[i]`; None as long as that is open."""

    def __init__(self, conversation: Conversation, transaction: Transaction) -> None:
        self.conversation = conversation
        self.transaction = transaction
        self.results: list[Result | None] = [None] * len(transaction.recipients)
        self.is_utf8 = needs_smtputf8(transaction)

    async def run(self) -> None:
        self._refuse_unsendable()
        open_ones = [index for index, result in enumerate(self.results) if result is None]
        if not open_ones:
            return
        commands = self._commands(open_ones)
        if self.conversation.offers("PIPELINING"):
            self.conversation.say(b"".join(commands))  # RFC 2920 §3.1: DATA is the last of a group
            data_reply = await self._hear_group(open_ones)
        else:
            data_reply = await self._ask_each(open_ones, commands)
        accepted = [index for index in open_ones if self.results[index] is None]
        if data_reply and data_reply.code < 400 and data_reply.code != 354:
            raise PeerFault(f"{self.conversation.target.host} said {data_reply} to DATA")
        if data_reply is None or data_reply.code != 354:
            for index in accepted:
                self._settle(index, data_reply)
            await self._reset()
        elif not accepted:
            # All recipients were refused in a group, yet DATA was taken: nothing is sent (RFC 2920 §3.1).
            self.conversation.say(b".\r\n")
            await self.conversation.hear(self.conversation.timeouts.content)
        else:
            await self._send_content(accepted)

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
                raise _Stale from None
            raise
        if reply.code == 421 and conversation.transactions:  # it waited too long for us
            raise _Stale
        conversation.transactions += 1
        return reply

    async def _send_content(self, accepted: list[int]) -> None:
        conversation = self.conversation
        try:
            await conversation.pour(_stuffed(self.transaction.content))
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
            status = _TOO_MANY_STATUS
        elif reply.is_permanent:
            finish = Finish.PERMANENT
        self.results[index] = self._result(
            index, finish, f"{self.conversation.target.host} said {reply}", status
        )

    def _result(self, index: int, finish: Finish, words: str, status: str) -> Result:
        recipient = self.transaction.recipients[index]
        return Result(recipient, finish, words[:_MAX_WORDS], status, self.conversation.target.host)


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


# --- connections ----------------------------------------------------------------------------------


@dataclass
class _Line:
    """The connections to one target."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONNECTIONS))
    users: int = 0  # deliveries that have a slot or wait for one
    idle: deque[Conversation] = field(default_factory=deque)
    fault: PeerFault | None = None
    fault_at: float = 0.0  # loop time


class _Pool:
    """Of one event loop."""

    def __init__(self) -> None:
        self._lines: dict[Target, _Line] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def deliver(self, target: Target, transaction: Transaction, timeouts: Timeouts) -> list[Result]:
        loop = asyncio.get_running_loop()
        asked_at, line = loop.time(), self._lines.setdefault(target, _Line())
        deadline = asked_at + ATTEMPT_SECONDS
        line.users += 1
        try:
            async with self._slot(line, deadline):
                if line.fault and line.fault_at > asked_at:
                    raise line.fault  # it was away while we waited: no use in everybody finding out
                return await self._deliver_on(target, line, transaction, timeouts, deadline)
        except PeerFault as fault:
            words = str(fault)[:_MAX_WORDS]
            return [
                Result(recipient, Finish.TEMPORARY, words, "4.4.1", target.host)
                for recipient in transaction.recipients
            ]
        finally:
            line.users -= 1
            self._forget_unused()

    async def _deliver_on(
        self, target: Target, line: _Line, transaction: Transaction, timeouts: Timeouts, deadline: float
    ) -> list[Result]:
        while True:
            conversation = await _take_idle(line) or await self._open(target, line, timeouts, deadline)
            conversation.deadline = deadline
            try:
                results = await _transact(conversation, transaction)
            except _Stale:
                await conversation.close()
                continue  # the next is another old one, or new: then it can't be stale
            except BaseException:
                await conversation.close()
                raise
            await self._keep(line, conversation)
            return results

    async def _open(self, target: Target, line: _Line, timeouts: Timeouts, deadline: float) -> Conversation:
        try:
            return await open_conversation(target, timeouts, deadline=deadline)
        except PeerFault as fault:
            line.fault, line.fault_at = fault, asyncio.get_running_loop().time()
            raise

    async def _keep(self, line: _Line, conversation: Conversation) -> None:
        if not _is_reusable(conversation):
            await conversation.quit()
            return
        conversation.rested_at = asyncio.get_running_loop().time()
        line.idle.append(conversation)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Close what nobody takes again; ends when nothing is idle, or the loop ends."""
        try:
            while any(line.idle for line in self._lines.values()):
                await asyncio.sleep(IDLE_SECONDS / 2)
                for line in tuple(self._lines.values()):
                    while line.idle and _rested_seconds(line.idle[0]) > IDLE_SECONDS:
                        await line.idle.popleft().quit()
                self._forget_unused()
        finally:
            self._sweeper = None
            for line in tuple(self._lines.values()):
                while line.idle:
                    await line.idle.pop().close()

    def _forget_unused(self) -> None:
        """Else whoever chooses the targets (senders that are bounced to) chooses what we hold."""
        for target in [key for key, line in self._lines.items() if not line.idle and not line.users]:
            del self._lines[target]

    async def close(self) -> None:
        idle = [line.idle.popleft() for line in self._lines.values() for _ in tuple(line.idle)]
        await asyncio.gather(*(conversation.quit() for conversation in idle))
        if self._sweeper:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])

    @staticmethod
    @asynccontextmanager
    async def _slot(line: _Line, deadline: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(deadline):
                await line.slots.acquire()
        except TimeoutError as error:
            raise PeerFault("no connection became free in time") from error
        try:
            yield
        finally:
            line.slots.release()


async def _take_idle(line: _Line) -> Conversation | None:
    while line.idle:
        conversation = line.idle.pop()
        if _is_reusable(conversation):
            return conversation
        await conversation.close()
    return None


def _is_reusable(conversation: Conversation) -> bool:
    age = asyncio.get_running_loop().time() - conversation.opened_at
    return (
        conversation.is_open
        and not conversation.was_told_more  # a 421 out of turn
        and conversation.transactions < MAX_TRANSACTIONS
        and age < REUSE_SECONDS
    )


def _rested_seconds(conversation: Conversation) -> float:
    return asyncio.get_running_loop().time() - conversation.rested_at


_pools: dict[asyncio.AbstractEventLoop, _Pool] = {}


def _pool() -> _Pool:
    """The running loop's. A worker may have a loop for each batch: those that ended are forgotten."""
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        for ended in [other for other in _pools if other.is_closed()]:
            del _pools[ended]
        _pools[loop] = _Pool()
    return _pools[loop]
