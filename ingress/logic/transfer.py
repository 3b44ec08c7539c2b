"""The content of one transaction on its way in, by DATA or BDAT, within its limit and the budget."""

from dataclasses import dataclass

from core import reply
from core.reply import Reply
from ingress.logic.budget import ByteBudget, OverflowFile
from ingress.logic.content import (
    Content,
    ContentReader,
    Found,
    Inspection,
    complaint,
    has_bare_line_ending,
)

# What is too large is read on and thrown away, so that its sender hears why; up to here.
_DISCARD_FACTOR = 2
_DISCARD_EXTRA_BYTES = 1024 * 1024
# Of a large message in memory, between what is being written and what may come while it is.
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class LargeMessage:
    """A message whose beginning lies in `file`, or is on its way there, and whose end is `rest`."""

    file: OverflowFile
    rest: Content
    size_bytes: int

    def __len__(self) -> int:
        return self.size_bytes


class Transfer:
    """Bytes are taken from the budget as they come, and given back by `release`, which is a must.

    `refusal`: why the message will be refused when it has come to its end; None so far.
    `is_hopeless`: so much too large that waiting for the end is not worth it.
    `awaited`: the file that has to be idle, and `written` to be called, before more is fed; None: feed on.
    """

    __slots__ = (
        "_budget",
        "_chunks",
        "_counted_bytes",
        "_file",
        "_inspection",
        "_left_bytes",
        "_max_bytes",
        "_reader",
        "_spill_at",
        "_taken_bytes",
        "_writing_bytes",
        "awaited",
        "refusal",
    )

    def __init__(self, max_bytes: int, budget: ByteBudget) -> None:
        self._max_bytes = max_bytes
        self._budget = budget
        self._counted_bytes = 0  # of all that came
        self._taken_bytes = 0  # from the budget: what is in memory
        self._reader = ContentReader()
        self._chunks = False
        self._left_bytes = 0
        self.refusal: Reply | None = None
        # More than `max_bytes` is refused before it is ever that much.
        self._spill_at = budget.most_of_one_bytes or max_bytes + 1
        self._file: OverflowFile | None = None
        self._writing_bytes = 0
        self.awaited: OverflowFile | None = None

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

    def written(self) -> None:
        """What was `awaited` is idle."""
        self.awaited = None
        if self._file is not None:
            self._spill(self._file)

    def finish(self) -> Content | LargeMessage | Reply:
        """At the end: the message, or why it is refused. A large one's file is the receiver's to discard."""
        if self.refusal is not None:
            return self.refusal
        content = self._reader.content
        if self._file is None:
            if self._chunks and has_bare_line_ending(content):
                return reply.BARE_LINE_ENDING
            return complaint(content) or content
        refusal = self._complaint(content)
        if refusal is not None:
            return refusal
        large = LargeMessage(self._file, content, self._reader.size_bytes)
        self._file = None
        return large

    def refuse(self, refusal: Reply) -> None:
        """From here on nothing is kept."""
        self.refusal = refusal
        self._reader.stop_keeping()
        self.release()

    def release(self) -> None:
        self._budget.give_back(self._taken_bytes)
        self._taken_bytes = 0
        self.awaited = None
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _account(self) -> None:
        if self.refusal is not None:
            return
        size_bytes = self._reader.size_bytes
        grown_bytes = size_bytes - self._counted_bytes
        if size_bytes > self._max_bytes:
            self.refuse(reply.MESSAGE_TOO_LARGE)
        elif self._budget.take(grown_bytes):
            self._taken_bytes += grown_bytes
            self._counted_bytes = size_bytes
            if size_bytes >= self._spill_at:
                self._overflow()
        else:
            self.refuse(reply.STORAGE_FULL)

    # --- what is too much for memory --------------------------------------------------------------

    def _overflow(self) -> None:
        file = self._file
        if file is None:
            assert self._budget.open_file is not None, "a threshold without files"
            file = self._file = self._budget.open_file()
            self._inspection = Inspection()
        if file.is_busy:
            self.awaited = file
        else:
            self._spill(file)

    def _spill(self, file: OverflowFile) -> None:
        """Hands the whole lines of what is kept to the file, which is idle."""
        self._budget.give_back(self._writing_bytes)
        self._taken_bytes -= self._writing_bytes
        self._writing_bytes = 0
        piece = self._reader.take_lines()
        if file.has_failed:
            self.refuse(reply.STORAGE_FULL)
        elif refusal := self._complaint(piece) if piece else reply.LINE_TOO_LONG:
            self.refuse(refusal)
        else:
            self._writing_bytes = len(piece)
            self._spill_at = self._reader.size_bytes + PIECE_BYTES
            file.write(piece)

    def _complaint(self, piece: Content) -> Reply | None:
        if self._chunks and has_bare_line_ending(piece):
            return reply.BARE_LINE_ENDING
        return self._inspection.complaint(piece)
