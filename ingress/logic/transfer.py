"""The content of one transaction on its way in, by DATA or BDAT, within its limit and the budget."""

from core import reply
from core.reply import Reply
from ingress.logic.budget import ByteBudget
from ingress.logic.content import Content, ContentReader, Found, complaint, has_bare_line_ending

# What is too large is read on and thrown away, so that its sender hears why; up to here.
_DISCARD_FACTOR = 2
_DISCARD_EXTRA_BYTES = 1024 * 1024


class Transfer:
    """Bytes are taken from the budget as they come, and given back by `release`, which is a must.

    `refusal`: why the message will be refused when it has come to its end; None so far.
    `is_hopeless`: so much too large that waiting for the end is not worth it.
    """

    __slots__ = ("_budget", "_chunks", "_left_bytes", "_max_bytes", "_reader", "_taken_bytes", "refusal")

    def __init__(self, max_bytes: int, budget: ByteBudget) -> None:
        self._max_bytes = max_bytes
        self._budget = budget
        self._taken_bytes = 0
        self._reader = ContentReader()
        self._chunks = False
        self._left_bytes = 0
        self.refusal: Reply | None = None

    @property
    def size_bytes(self) -> int:
        return self._reader.size_bytes

    @property
    def is_hopeless(self) -> bool:
        return self._reader.size_bytes > self._max_bytes * _DISCARD_FACTOR + _DISCARD_EXTRA_BYTES

    def feed(self, received: bytes, start: int) -> tuple[Found, int]:
        """DATA: reads from `start` on; what was found and the position behind it."""
        found, after = self._reader.feed(received, start)
        self._account()
        return found, after

    def expect(self, chunk_bytes: int) -> None:
        """BDAT: so many bytes follow (RFC 3030 §2)."""
        self._chunks = True
        self._left_bytes = chunk_bytes

    def feed_chunk(self, received: bytes, start: int) -> tuple[bool, int]:
        """BDAT: reads from `start` on; whether the chunk is complete and the position behind it."""
        piece = received[start : start + self._left_bytes]
        self._left_bytes -= len(piece)
        self._reader.append(piece)
        self._account()
        return not self._left_bytes, start + len(piece)

    def finish(self) -> Content | Reply:
        """At the end: the message, or why it is refused."""
        if self.refusal is not None:
            return self.refusal
        content = self._reader.content
        if self._chunks and has_bare_line_ending(content):
            return reply.BARE_LINE_ENDING
        return complaint(content) or content

    def refuse(self, refusal: Reply) -> None:
        """From here on nothing is kept."""
        self.refusal = refusal
        self._reader.stop_keeping()
        self.release()

    def release(self) -> None:
        self._budget.give_back(self._taken_bytes)
        self._taken_bytes = 0

    def _account(self) -> None:
        if self.refusal is not None:
            return
        grown_bytes = self._reader.size_bytes - self._taken_bytes
        if self._reader.size_bytes > self._max_bytes:
            self.refuse(reply.MESSAGE_TOO_LARGE)
        elif self._budget.take(grown_bytes):
            self._taken_bytes += grown_bytes
        else:
            self.refuse(reply.STORAGE_FULL)
