"""Files of addresses, read piece by piece and in bounded memory, from the start or from where a reader
before stopped.

    CSV     a header line with a column `address`, then an entry a line; other columns are passed over
    JSON    {"items": [{"address": "…"}, …]}

Entries are counted from 1: lines of the file (the header is line 1), items of the list.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

MAX_ENTRY_BYTES = 16 * 1024  # of a line or an item; nothing that long has an address
_ADDRESS = "address"
_TOO_LONG = f"is longer than {MAX_ENTRY_BYTES:,} bytes"


class MalformedFileError(Exception):
    """The file as a whole can't be read any further; `str(self)` tells where and why."""


@dataclass(slots=True)
class Entries:
    """What was read at once. `texts` by number; `refused`: number, what stands there, why it is none.

    `position`: in bytes, where the next entry begins; `number`: of the last one; with both a reader can
    be made that goes on from there. `is_end`: the file has no more.
    """

    position: int
    number: int
    texts: list[tuple[int, str]] = field(default_factory=list)
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    is_end: bool = False


class Reader(Protocol):
    def read(self, limit: int) -> Entries:
        """At most so many entries, fewer at the end. MalformedFileError."""
        ...


def reader_of(kind: str, head: bytes, pieces: Iterator[bytes], position: int, number: int) -> Reader:
    """`pieces`: the file from `position` on; `head`: its beginning (64 KB will do), where a CSV says which
    column the addresses are in. MalformedFileError; ValueError for an unknown `kind`."""
    match kind:
        case "CSV":
            return _CsvReader(head, pieces, position, number)
        case "JSON":
            return _JsonReader(pieces, position, number)
    raise ValueError(f"unknown kind of file {kind}")


# --- CSV ------------------------------------------------------------------------------------------


class _CsvReader:
    def __init__(self, head: bytes, pieces: Iterator[bytes], position: int, number: int) -> None:
        self._position = position
        self._number = number
        self._lines = _lines(pieces)
        self._column = _address_column(head)

    def read(self, limit: int) -> Entries:
        entries = Entries(self._position, self._number)
        for _ in range(limit):
            size, line = next(self._lines, (0, b""))
            if not size:
                entries.is_end = True
                break
            entries.position += size
            entries.number += 1
            if entries.number > 1:
                self._take(entries, line)
        self._position, self._number = entries.position, entries.number
        return entries

    def _take(self, entries: Entries, line: bytes) -> None:
        if len(line) > MAX_ENTRY_BYTES:
            entries.refused.append((entries.number, _shown(line), _TOO_LONG))
            return
        try:
            text = line.decode()
            if self._column or b'"' in line or b"," in line:
                columns = next(csv.reader([text]), [])
                text = columns[self._column] if len(columns) > self._column else ""
        except (UnicodeDecodeError, csv.Error) as error:
            reason = "is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"is no CSV: {error}"
            entries.refused.append((entries.number, _shown(line), reason))
            return
        if text := text.strip():  # an empty line is none
            entries.texts.append((entries.number, text))


def _address_column(head: bytes) -> int:
    line = head.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        names = [name.strip().lower() for name in next(csv.reader([line.decode()]), [])]
    except (UnicodeDecodeError, csv.Error):
        names = []
    if _ADDRESS not in names:
        raise MalformedFileError("the first line must be the header “address”")
    return names.index(_ADDRESS)


def _lines(pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """(bytes that it takes in the file, the line without its end). Of one that is too long a part."""
    rest, dropped = b"", 0
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield dropped + len(line) + 1, line.removesuffix(b"\r")
            dropped = 0
        if len(rest) > 2 * MAX_ENTRY_BYTES:
            dropped += len(rest) - MAX_ENTRY_BYTES - 1
            rest = rest[: MAX_ENTRY_BYTES + 1]
    if rest:
        yield dropped + len(rest), rest.removesuffix(b"\r")


def _shown(line: bytes) -> str:
    return line[:200].decode(errors="replace")


# --- JSON -----------------------------------------------------------------------------------------

_BEGINNING = re.compile(r'\ufeff?\s*\{\s*"items"\s*:\s*\[\s*')
_BETWEEN = re.compile(r"\s*,\s*")
_SPACE = re.compile(r"\s*")
_END = re.compile(r"\s*\]\s*\}\s*")
_MAX_BEGINNING = 1024  # characters
_decode = json.JSONDecoder().raw_decode


class _JsonReader:
    def __init__(self, pieces: Iterator[bytes], position: int, number: int) -> None:
        self._position = position
        self._number = number
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._is_all = False
        self._is_inside = position > 0

    def read(self, limit: int) -> Entries:
        entries = Entries(self._position, self._number)
        at = 0
        while len(entries.texts) + len(entries.refused) < limit and not entries.is_end:
            if len(self._text) - at < MAX_ENTRY_BYTES and not self._is_all:
                at = self._read_on(entries, at)
            elif not self._is_inside:
                at = self._enter()
            elif end := _END.fullmatch(self._text, at):
                at, entries.is_end = end.end(), True
            else:
                at = self._item(entries, at)
        self._cut(entries, at)
        self._position, self._number = entries.position, entries.number
        return entries

    def _read_on(self, entries: Entries, at: int) -> int:
        self._cut(entries, at)
        try:
            piece = next(self._pieces, None)
            self._text += self._decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as error:
            raise MalformedFileError(f"no UTF-8 text behind item {entries.number}") from error
        self._is_all = piece is None
        return 0

    def _cut(self, entries: Entries, at: int) -> None:
        """Let go what was read."""
        entries.position += len(self._text[:at].encode())
        self._text = self._text[at:]

    def _enter(self) -> int:
        found = _BEGINNING.match(self._text)
        if found is None or found.end() > _MAX_BEGINNING:
            raise MalformedFileError('the file must begin with {"items": [')
        self._is_inside = True
        return found.end()

    def _item(self, entries: Entries, at: int) -> int:
        if entries.number:
            between = _BETWEEN.match(self._text, at)
            if between is None:
                raise MalformedFileError(f"a comma or ]}} must follow item {entries.number}")
            at = between.end()
        else:
            at = _SPACE.match(self._text, at).end()  # type: ignore[union-attr] # matches anything
        try:
            item, end = _decode(self._text, at)
        except (ValueError, RecursionError) as error:
            raise MalformedFileError(f"item {entries.number + 1} is no JSON") from error
        entries.number += 1
        match item:
            case {"address": str(address)}:
                entries.texts.append((entries.number, address))
            case _:
                entries.refused.append(
                    (entries.number, self._text[at : min(end, at + 200)], 'must be {"address": "…"}')
                )
        if end - at > MAX_ENTRY_BYTES:
            raise MalformedFileError(f"item {entries.number} {_TOO_LONG}")
        return end
