r"""The content of a message, found in the stream at C speed and held to strict line endings.

Only CRLF "." CRLF ends it (RFC 5321 §4.1.1.4), and a CR or LF that is not half of a CRLF ends the
session: what other servers make of those ("\n.\r\n", "\r.\r\n", …) is how mail is smuggled.
"""

import io
import re
from enum import Enum, auto

from core import reply
from core.reply import Reply

MAX_TEXT_LINE_BYTES = 1000  # with CRLF, without a transparent dot (RFC 5321 §4.5.3.1.6)
MAX_HOPS = 100  # Received: fields; RFC 5321 §6.3: a threshold, "normally at least 100"
# Each hop writes its field before the others (RFC 5321 §4.4): it is enough to look at the beginning of what
# may be a header of 40 MB, which would take a quarter of a second.
_HOPS_WITHIN_BYTES = 128 * 1024

_CRLF = b"\r\n"
_END = b"\r\n.\r\n"
_DOT_LINE = b"\r\n."
# Notes which of CRLF, CR and LF a text has, in one pass; two regexes that leap from one to the next by memchr
# take twice as long.
_line_endings = io.IncrementalNewlineDecoder(None, translate=False)
_RECEIVED = re.compile(rb"^received:", re.IGNORECASE | re.MULTILINE)

Content = bytes | bytearray  # a message of many chunks is not copied once more to be bytes


class Found(Enum):
    MORE = auto()  # the end has not come
    END = auto()
    BARE_LINE_ENDING = auto()


class ContentReader:
    """Takes the bytes after DATA as they come; at END `content` is the message, dots unstuffed.

    `size_bytes`: of the content so far. After `stop_keeping` nothing is kept but the count.
    """

    __slots__ = ("_held", "_is_keeping", "_skip", "content", "size_bytes")

    def __init__(self) -> None:
        self.content: Content = b""
        self.size_bytes = 0
        self._is_keeping = True
        # What can't be judged yet, at most 4 bytes of an end. The CRLF of the DATA command itself
        # is the first: a message may begin with a dot, or end before its first line.
        self._held = b"\r\n"
        self._skip = len(self._held)

    def stop_keeping(self) -> None:
        self.content = b""
        self._is_keeping = False

    def take_lines(self) -> Content:
        """The whole lines of what is kept, out of it; empty where it ends in a line that is too long."""
        taken = self.content
        end = taken.rfind(_CRLF, max(0, len(taken) - MAX_TEXT_LINE_BYTES - len(_CRLF)))
        if end < 0:
            return b""
        end += len(_CRLF)
        self.content = bytearray(taken[end:])
        if isinstance(taken, bytes):
            return taken[:end]
        del taken[end:]  # which is not to copy it
        return taken

    def feed(self, chunk: bytes, start: int) -> tuple[Found, int]:
        """Reads `chunk` from `start` on; what was found, and the position in `chunk` behind it."""
        window = self._held + (chunk[start:] if start else chunk)
        dot = window.find(_DOT_LINE)
        end = -1 if dot < 0 else window.find(_END, dot)
        found = Found.MORE if end < 0 else Found.END
        stop = len(window) - _undecided(window) if end < 0 else end + len(_CRLF)
        if stop > 0:
            if 0 <= dot < stop - len(_CRLF):
                piece = window[:stop].replace(_DOT_LINE, _CRLF)[self._skip :]
            else:
                piece = window[self._skip : stop]
            if has_bare_line_ending(piece):
                return Found.BARE_LINE_ENDING, len(chunk)
            self._skip = 0
            self.append(piece)
        if found is Found.END:
            return found, len(chunk) - (len(window) - end - len(_END))
        self._held = window[stop:]
        return found, len(chunk)

    def append(self, piece: bytes) -> None:
        """Bytes that are content as they are (BDAT)."""
        self.size_bytes += len(piece)
        if not self._is_keeping:
            return
        if not self.content:
            self.content = piece
        elif piece:
            # One growing buffer, not a list of pieces: a client that sends single bytes would make
            # a list of objects forty times its size.
            if isinstance(self.content, bytes):
                self.content = bytearray(self.content)
            self.content += piece


def _undecided(window: bytes) -> int:
    """How many bytes at the end of `window` may be the beginning of an end."""
    return next(
        (length for length in range(len(_END) - 1, 0, -1) if window.endswith(_END[:length])),
        0,
    )


def has_bare_line_ending(content: Content) -> bool:
    """A CR or LF that is not half of a CRLF."""
    _line_endings.reset()
    _line_endings.decode(str(content, "latin-1"), final=True)
    return _line_endings.newlines not in (None, "\r\n")


def complaint(content: Content) -> Reply | None:
    """Why a whole message can't be taken, line endings aside."""
    if b"\0" in content:
        return reply.NULL_BYTE
    if _has_long_line(content):
        return reply.LINE_TOO_LONG
    if _has_too_many_hops(content):
        return reply.TOO_MANY_HOPS
    return None


def _has_long_line(content: Content) -> bool:
    """Leaps as far as a line may reach and looks back for its end: a look for each 1000 bytes or so."""
    position, size = 0, len(content)
    while position + MAX_TEXT_LINE_BYTES < size:
        end = content.rfind(b"\r\n", position, position + MAX_TEXT_LINE_BYTES)
        if end < 0:
            return True
        position = end + 2
    return False


def _has_too_many_hops(content: Content) -> bool:
    end = content.find(b"\r\n\r\n", 0, _HOPS_WITHIN_BYTES)
    end = end if end >= 0 else min(len(content), _HOPS_WITHIN_BYTES)
    # A field is at least 10 bytes long: most headers need no look at all.
    return end >= MAX_HOPS * len(b"Received: ") and len(_RECEIVED.findall(content, 0, end)) >= MAX_HOPS


class Inspection:
    """`complaint` of a message that comes in pieces, which end where a line ends, but for the last."""

    __slots__ = ("_header_left_bytes", "_hops", "_is_new")

    def __init__(self) -> None:
        self._is_new = True
        self._hops = 0
        self._header_left_bytes = _HOPS_WITHIN_BYTES  # 0 when it is over

    def complaint(self, piece: Content) -> Reply | None:
        """Why a message with this piece can't be taken."""
        if b"\0" in piece:
            return reply.NULL_BYTE
        if _has_long_line(piece):
            return reply.LINE_TOO_LONG
        if self._header_left_bytes:
            self._count_hops(piece)
        return reply.TOO_MANY_HOPS if self._hops >= MAX_HOPS else None

    def _count_hops(self, piece: Content) -> None:
        # The piece before ended with CRLF: another one at once is the blank line.
        left_bytes = self._header_left_bytes
        end = 0 if piece.startswith(_CRLF) and not self._is_new else piece.find(_CRLF + _CRLF, 0, left_bytes)
        stop = end if end >= 0 else min(len(piece), left_bytes)
        self._hops += len(_RECEIVED.findall(piece, 0, stop))
        self._header_left_bytes = 0 if end >= 0 else left_bytes - stop
        self._is_new = False
