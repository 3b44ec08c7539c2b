"""A message as rules see it: its header, read once, tolerantly, and in bounded time.

Nothing that a peer sends makes this raise. What can't be understood is left out and named in
`Message.problem`; conditions that ask for it then find nothing, and all others work.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from core.addresses import parse_addresses
from core.encoded_words import decode_words, encode_words, printable

# What is read of a header. Gmail takes 500 KB, Exim 1 MB, Sendmail 32 KB; what is
# beyond is mail all the same, only unread. The worst header takes a few tenths of a second.
MAX_HEADER_BYTES = 256 * 1024
MAX_FIELDS = 5_000
MAX_FIELD_BYTES = 64 * 1024
MAX_ADDRESSES = 2_000  # of one property; a field of 64 KB holds about as many

# optional-field = field-name ":" unstructured CRLF; field-name = 1*(%d33-57 / %d59-126)
# (RFC 5322 §3.6.8; white space before the colon: §4.5.8). Folded lines begin with white space.
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_NAME = re.compile(rb"[!-9;-~]+")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_BEGINS_WELL = re.compile(rb"[!-9;-~]+[ \t]*:|\r?\n|\Z")
_FIELD_NAME = re.compile(r"[!-9;-~]+")

MAX_LINE_LENGTH = 998  # RFC 5322 §2.1.1, without CRLF
_GOOD_LINE_LENGTH = 78


class Message:
    """Immutable. `content`: the whole message, header and body."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        # Not cached_property, which takes a lock for each: as long as the reading itself.
        self._parsed: _Header | None = None
        self._found: dict[str, tuple[str, ...]] = {}

    # --- the parts ------------------------------------------------------------------------------

    @property
    def body_start(self) -> int:
        """Offset of the body's first byte."""
        return self._header.body_start

    @property
    def header_bytes(self) -> bytes:
        """The header with the empty line after it, whole, however long."""
        return self.content[: self.body_start]

    @property
    def problem(self) -> str:
        """What could not be read, in a few words; "" where all of the header was."""
        return self._header.problem

    @property
    def is_parsed(self) -> bool:
        return not self.problem

    # --- what rules ask for ---------------------------------------------------------------------

    @property
    def subject(self) -> str:
        """The first Subject field, decoded; "" without one."""
        return next(iter(self.header("Subject")), "")

    @property
    def from_(self) -> tuple[str, ...]:
        return self._addresses("from")

    @property
    def to(self) -> tuple[str, ...]:
        return self._addresses("to")

    @property
    def cc(self) -> tuple[str, ...]:
        return self._addresses("cc")

    @property
    def sender(self) -> tuple[str, ...]:
        return self._addresses("sender")

    def header(self, name: str) -> tuple[str, ...]:
        """The values of all fields of that name (case does not count), unfolded, decoded, in order."""
        return tuple(decode_words(text) for text in self._texts(name.lower()))

    def count(self, name: str) -> int:
        """How many fields of that name there are."""
        return len(self._header.fields.get(name.lower(), ()))

    def _addresses(self, name: str) -> tuple[str, ...]:
        found = self._found.get(name)
        if found is None:
            unique = dict.fromkeys(address for text in self._texts(name) for address in parse_addresses(text))
            found = self._found[name] = tuple(map(printable, list(unique)[:MAX_ADDRESSES]))
        return found

    def _texts(self, name: str) -> list[str]:
        return [_unfolded(value) for value in self._header.fields.get(name, ())]

    @property
    def _header(self) -> "_Header":
        if self._parsed is None:
            self._parsed = _Header(self.content)
        return self._parsed


class _Header:
    """`fields`: from lower-case names to raw values, folds and all."""

    __slots__ = ("body_start", "fields", "problem")

    def __init__(self, content: bytes) -> None:
        self.fields: dict[str, list[bytes]] = {}
        self.problem = ""
        lines_end, self.body_start = _header_end(content)
        read_end = lines_end
        if lines_end > MAX_HEADER_BYTES:
            read_end = content.rfind(b"\n", 0, MAX_HEADER_BYTES) + 1
            self.problem = f"the header is longer than {MAX_HEADER_BYTES:,} bytes; the rest was not read"
        if read_end > MAX_FIELD_BYTES or not self._read_plain(content, read_end):
            self.fields = {}
            self._read(content, read_end)

    def _read_plain(self, content: bytes, end: int) -> bool:
        """The header of nearly all mail, line by line: no limit is near, and nothing in it is odd. False
        where that is not so; then nothing was read."""
        lines = content[:end].split(b"\n")
        if lines.pop() or len(lines) > MAX_FIELDS:  # the last one ends with the header
            return False
        values: list[bytes] = []
        for line in lines:
            if line[:1] in _WHITE:
                if not values:
                    return False
                values[-1] += b"\n" + line
                continue
            before, colon, value = line.partition(b":")
            if not colon or len(before) > _MAX_USUAL_NAME or not (name := _field_name(before)):
                return False
            values = self.fields.setdefault(name, [])
            values.append(value)
        return True

    def _read(self, content: bytes, end: int) -> None:
        position = count = 0
        if content.startswith(b"From ") and (newline := content.find(b"\n", 0, end)) >= 0:
            position = newline + 1  # mbox's line before the header
        while position < end and count < MAX_FIELDS:
            match = _FIELD.match(content, position, end)
            if match is None:
                # As mail servers do: what can't be in a header begins the body.
                self.problem = f"what begins at byte {position} is no header field; taken as the body"
                self.body_start = position
                return
            name, value = match.groups()
            if len(value) > MAX_FIELD_BYTES:
                self.problem = f"a field is longer than {MAX_FIELD_BYTES:,} bytes; the rest was not read"
            self.fields.setdefault(name.decode("ascii").lower(), []).append(value[:MAX_FIELD_BYTES])
            position, count = match.end(), count + 1
        if position < end:
            self.problem = f"there are more than {MAX_FIELDS:,} fields; the rest was not read"


_WHITE = (b" ", b"\t")
_MAX_USUAL_NAME = 80  # bytes: what is remembered is a sender's choice


@lru_cache(maxsize=2048)
def _field_name(before_colon: bytes) -> str:
    """In lower case; "" for what is no name of a field."""
    name = before_colon.rstrip(b" \t")
    return name.decode("ascii").lower() if _NAME.fullmatch(name) else ""


def _header_end(content: bytes) -> tuple[int, int]:
    """Where the header's last line ends, and where the body starts: behind the first empty line."""
    for empty in (b"\r\n", b"\n"):
        if content.startswith(empty):
            return 0, len(empty)
    crlf = content.find(b"\n\r\n")
    # LF alone never comes from our ingress, but from people who paste a message.
    lf = content.find(b"\n\n", 0, crlf if crlf >= 0 else len(content))
    if lf >= 0:
        return lf + 1, lf + 2
    return (crlf + 1, crlf + 3) if crlf >= 0 else (len(content), len(content))


def _unfolded(value: bytes) -> str:
    raw = (_FOLD.sub(b"", value) if b"\n" in value else value).strip()
    try:
        return raw.decode("utf-8")  # RFC 6532, and most unmarked 8-bit text of today
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def with_headers_added(content: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """`content` with fields on top, in order. ValueError for a name that no field can have.

    Values can't break out of their field: line breaks and controls become spaces. Long values are
    folded, text beyond ASCII goes into encoded words.
    """
    fields = b"".join(_field(name, value) for name, value in headers)
    # Before a content without a header, a field would run on into the body's first line.
    needs_end = bool(fields) and not _BEGINS_WELL.match(content)
    return fields + (b"\r\n" if needs_end else b"") + content


def _field(name: str, value: str) -> bytes:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't name a header field")
    text = " ".join(printable(value.replace("\r", " ").replace("\n", " ")).replace("\ufffd", " ").split())
    words, longest = text.split(" "), MAX_LINE_LENGTH - len(name) - len(": ")
    # What looks like an encoded word is encoded too, so that it arrives as it was written.
    if not text.isascii() or "=?" in text or max(map(len, words)) > longest:
        words = encode_words(text)
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _GOOD_LINE_LENGTH and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return ("\r\n".join(lines) + "\r\n").encode("ascii")
