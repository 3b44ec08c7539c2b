"""A list of any length as one compact table: a look-up in about a microsecond, 17 MB for a million.

The table holds the first 128 bits of a hash (BLAKE2b) of each member, sorted, and where each bucket of
about eight begins. Two addresses share their digest once in 2**128: a list of a billion members takes
an address for one of its own that isn't once in 10**29.

    file    = magic, header, JSON of the shapes, padding, starts, digests
    header  = digest of all that follows (16 bytes), count, bits, length of the JSON
    starts  = 2**bits + 1 numbers of 32 bits: where the digests with the same first bits begin

Numbers are in the machine's own order: a file is made where it is used (addresslists/indexes.py).
"""

import hashlib
import json
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from mmap import mmap

from addresslists.logic.members import Shapes, canonical, marks_of, merged, patterns_of, shapes_of

_MAGIC = struct.pack("=I", 0x4D4C0001)
_CHECKSUM_BYTES = 16
_SIZES = struct.Struct("=QII")
_DIGEST_BYTES = 16
_ALIGNMENT = 16
_SIZES_AT = len(_MAGIC) + _CHECKSUM_BYTES
_HEADER_END = _SIZES_AT + _SIZES.size
_BUCKET_BITS = 3  # about eight members in a bucket: searched through by one call

_first_bits = struct.Struct(">I").unpack_from


class DamagedIndexError(Exception):
    """Not a file of ours, or not as it was written."""


@lru_cache(maxsize=4096)
def digest_of(key: str) -> bytes:
    """Cached: one recipient is looked up in several lists, and often again."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True)
class _Table:
    """`first`: where in `content` the digests begin; `shift`: from a digest's first 32 bits to its bucket."""

    content: bytes | mmap
    first: int
    starts: memoryview
    shift: int

    def has(self, digest: bytes) -> bool:
        bucket = _first_bits(digest)[0] >> self.shift
        start, end = self.starts[bucket], self.starts[bucket + 1]
        first = self.first
        return self.content.find(digest, first + start * _DIGEST_BYTES, first + end * _DIGEST_BYTES) >= 0


class ListIndex:
    """Immutable, safe to share between threads. `read_index` makes one, `with_changes` one on top of it.

    `count`: of digests in the table.
    """

    __slots__ = ("_changed", "_shapes", "_table", "count")

    def __init__(self, table: _Table, shapes: Shapes, count: int, changed: Mapping[bytes, bool]) -> None:
        self._table = table
        self._shapes = shapes
        self._changed = changed  # since the table was made
        self.count = count

    def contains(self, address: str) -> bool:
        """Whether a member matches the folded address."""
        if "xn--" in address:
            address = canonical(address)
        if self._has(address):
            return True
        if not self._shapes.has_any:
            return False
        return any(map(self._has, patterns_of(address, self._shapes, self._has)))

    def with_changes(self, changes: Iterable[tuple[str, bool]]) -> "ListIndex":
        """The same table, with all members that were added (True) and removed (False) since, in order."""
        last = dict(changes)
        added = [member for member, is_member in last.items() if is_member]
        changed = {digest_of(member): is_member for member, is_member in last.items()}
        changed |= {digest_of(mark): True for member in added for mark in marks_of(member)}
        return ListIndex(self._table, merged(self._shapes, shapes_of(iter(added))), self.count, changed)

    def _has(self, key: str) -> bool:
        digest = digest_of(key)
        if self._changed and (is_member := self._changed.get(digest)) is not None:
            return is_member
        return self._table.has(digest)


def read_index(content: bytes | mmap) -> ListIndex:
    """DamagedIndexError for anything but what `IndexBuilder` made, bit by bit."""
    view = memoryview(content)
    if len(view) < _HEADER_END or view[: len(_MAGIC)] != _MAGIC:
        raise DamagedIndexError("not an index of this version")
    if (
        view[len(_MAGIC) : _SIZES_AT]
        != hashlib.blake2b(view[_SIZES_AT:], digest_size=_CHECKSUM_BYTES).digest()
    ):
        raise DamagedIndexError("cut off or changed")
    count, bits, json_length = _SIZES.unpack_from(view, _SIZES_AT)
    starts_at = _aligned(_HEADER_END + json_length)
    starts_end = starts_at + ((1 << bits) + 1) * 4
    first = _aligned(starts_end)
    stored = json.loads(bytes(view[_HEADER_END : _HEADER_END + json_length]))
    shapes = Shapes(
        stored["domains"],
        tuple((prefix, tuple(suffixes)) for prefix, suffixes in stored["fixed"]),
        tuple(stored["parents"]),
    )
    table = _Table(content, first, view[starts_at:starts_end].cast("I"), 32 - bits)
    return ListIndex(table, shapes, count, {})


class IndexBuilder:
    """Takes members, canonical, in any order, as often as they come; makes the file.

    Holds 16 bytes for each member, and twice that while it finishes: no text, no object.
    """

    def __init__(self) -> None:
        self._parts = [bytearray() for _ in range(256)]  # by the first byte, to be sorted one by one
        self._odd: set[str] = set()  # one member of each shape

    def add(self, members: Iterable[str]) -> None:
        parts, blake2b = self._parts, hashlib.blake2b
        for member in members:
            if "*" in member or "@" not in member:
                self._odd.add(_representative(member))
                for mark in marks_of(member):
                    digest = digest_of(mark)
                    parts[digest[0]] += digest
            digest = blake2b(member.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
            parts[digest[0]] += digest

    def finish(self) -> Iterator[bytes]:
        """The pieces of the file, in order. The builder is empty afterwards."""
        blocks = []
        for part in self._parts:
            digests = {bytes(part[at : at + _DIGEST_BYTES]) for at in range(0, len(part), _DIGEST_BYTES)}
            part.clear()
            blocks.append(b"".join(sorted(digests)))
        count = sum(map(len, blocks)) // _DIGEST_BYTES
        bits = min(24, max(8, count.bit_length() - _BUCKET_BITS))
        shapes = shapes_of(iter(self._odd))
        described = json.dumps(
            {"domains": shapes.has_domains, "fixed": shapes.fixed, "parents": shapes.parents}
        ).encode()
        starts_at = _aligned(_HEADER_END + len(described))
        starts = _starts(blocks, bits)
        first = _aligned(starts_at + len(starts) * starts.itemsize)
        body = [
            _SIZES.pack(count, bits, len(described)),
            described.ljust(starts_at - _HEADER_END, b"\0"),
            starts.tobytes().ljust(first - starts_at, b"\0"),
            *blocks,
        ]
        checksum = hashlib.blake2b(digest_size=_CHECKSUM_BYTES)
        for piece in body:
            checksum.update(piece)
        yield _MAGIC
        yield checksum.digest()
        yield from body


def _representative(member: str) -> str:
    """A member of the same shape: of a million wildcards a few hundred are left."""
    local_part, at, domain = member.rpartition("@")
    if domain.startswith("*."):
        return "*." + ".".join("x" * domain.count("."))
    if not at:
        return "x.x"
    prefix, _star, suffix = local_part.partition("*")
    return f"{'x' * len(prefix)}*{'x' * len(suffix)}@x"


def _starts(blocks: list[bytes], bits: int) -> "array[int]":
    """`bits` is 8 or more, so that no bucket goes over the edge of a block."""
    starts = array("I")
    before, step = 0, 1 << (32 - bits)
    for number, block in enumerate(blocks):
        digests = [block[at : at + _DIGEST_BYTES] for at in range(0, len(block), _DIGEST_BYTES)]
        edges = range(number << 24, (number + 1) << 24, step)
        starts.extend(before + bisect_left(digests, edge.to_bytes(4, "big")) for edge in edges)
        before += len(digests)
    starts.append(before)
    return starts


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT
