"""The bytes of messages that one process may hold in memory at once, and where those of large ones go."""

from collections.abc import Callable
from typing import Any, Protocol


class OverflowFile(Protocol):
    """Takes the content of one message in order, one piece at a time.

    `is_busy`: a piece is being written, the next one has to wait. `has_failed`: for good.
    """

    is_busy: bool

    @property
    def has_failed(self) -> bool: ...

    def write(self, piece: bytes | bytearray) -> None:
        """Not while it is busy. `piece` is its own from here on."""
        ...

    def when_idle(self, after: Callable[[], None]) -> None:
        """Calls it when nothing is being written, now where that is so; not after `discard`."""
        ...

    def complete(self, field: bytes, rest: bytes | bytearray, completed: Callable[[Any], None]) -> None:
        """Writes `field` before all, `rest` behind all, and calls `completed` with what can be stored, or an
        OSError. From here on the file belongs to who was called."""
        ...

    def discard(self) -> None:
        """It is not wanted any more."""
        ...


class ByteBudget:
    """Shared by all sessions of a process, which take and return in turns (one thread).

    Of each message `most_of_one_bytes` are kept in memory, whole lines of what is more go into a file of
    `open_file`; 0 keeps all.
    """

    __slots__ = ("limit_bytes", "most_of_one_bytes", "open_file", "used_bytes")

    def __init__(
        self,
        limit_bytes: int,
        *,
        most_of_one_bytes: int = 0,
        open_file: Callable[[], OverflowFile] | None = None,
    ) -> None:
        self.limit_bytes = limit_bytes
        self.most_of_one_bytes = most_of_one_bytes if open_file is not None else 0
        self.open_file = open_file
        self.used_bytes = 0

    def has_room(self, size_bytes: int) -> bool:
        """For a message of that size."""
        if self.most_of_one_bytes and size_bytes > self.most_of_one_bytes:
            size_bytes = self.most_of_one_bytes
        return self.used_bytes + size_bytes <= self.limit_bytes

    def take(self, size_bytes: int) -> bool:
        """False, and nothing taken, where it would be too much."""
        if self.used_bytes + size_bytes > self.limit_bytes:
            return False
        self.used_bytes += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        self.used_bytes -= size_bytes
        assert self.used_bytes >= 0, "more given back than taken"
