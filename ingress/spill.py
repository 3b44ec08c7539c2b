"""Where large messages lie while they come in: each in a file without a name, in the data directory.

What a crash leaves of them is gone with the process. The event loop hands pieces over; opening and
writing is done by threads, for a disk that has too much to do makes each writer wait.
"""

import asyncio
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import structlog

from ingress.logic.content import Content
from mailflow.large_content import LargeContent

log = structlog.get_logger()

_THREADS = 4
# Before the content, for our Received: field, which is known last: at most a command's length for the
# client's name, the same for a recipient, and some hundred bytes.
_RESERVED_BYTES = 4096

Completed = Callable[[LargeContent | OSError], None]


class Spill:
    """The files of a process. Made on the loop that uses them.

    `least_free_bytes`: of the disk; with less it counts as full."""

    def __init__(self, folder: Path, least_free_bytes: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._folder = folder
        self._least_free_bytes = least_free_bytes
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="spill")

    def new(self) -> "SpillFile":
        return SpillFile(self)

    def close(self) -> None:
        """Returns when what is being written is."""
        self._threads.shutdown()

    def does(self, work: Callable[[], None], done: Callable[[OSError | None], None]) -> None:
        """`work` in a thread, then `done` on the loop with what it raised."""
        self._threads.submit(self._do, work, done)

    def _do(self, work: Callable[[], None], done: Callable[[OSError | None], None]) -> None:
        error: OSError | None = None
        try:
            work()
        except OSError as raised:
            error = raised
        self.loop.call_soon_threadsafe(done, error)

    def open(self) -> io.FileIO:
        return tempfile.TemporaryFile(dir=self._folder, buffering=0)

    def check_space(self) -> None:
        if shutil.disk_usage(self._folder).free < self._least_free_bytes:
            raise OSError(errno.ENOSPC, "the spool's disk is nearly full")


class SpillFile:
    """ingress.logic.transfer.OverflowFile, with a thread behind it."""

    __slots__ = ("_after", "_error", "_file", "_is_discarded", "_size_bytes", "_spill", "is_busy")

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._file: io.FileIO | None = None
        self._size_bytes = 0
        self._error: OSError | None = None
        self._after: Callable[[], None] | None = None
        self._is_discarded = False
        self.is_busy = False

    @property
    def has_failed(self) -> bool:
        return self._error is not None

    def write(self, piece: Content) -> None:
        assert not self.is_busy, "one piece at a time"
        self.is_busy = True
        self._spill.does(partial(self._write, piece), self._written)

    def when_idle(self, after: Callable[[], None]) -> None:
        """Calls it on the loop, now where nothing is being written."""
        if self.is_busy:
            self._after = after
        else:
            after()

    def complete(self, field: bytes, rest: Content, completed: Completed) -> None:
        """`field` goes before all that was written, `rest` behind it; then `completed` is called on the loop.
        From here on the file is not discarded, but closed by who is given it."""
        self.when_idle(partial(self._complete, field, rest, completed))

    def discard(self) -> None:
        self._after = None
        self._is_discarded = True
        if not self.is_busy:
            self._close()

    def _complete(self, field: bytes, rest: Content, completed: Completed) -> None:
        self.is_busy = True
        self._spill.does(partial(self._finish, field, rest), partial(self._finished, field, completed))

    def _finished(self, field: bytes, completed: Completed, error: OSError | None) -> None:
        self._written(error)
        if self._error is not None:
            self._close()
            completed(self._error)
        else:
            assert self._file is not None, "a large message without a file"
            size_bytes = self._size_bytes + len(field)
            completed(LargeContent(self._file, _RESERVED_BYTES - len(field), size_bytes))

    def _written(self, error: OSError | None) -> None:
        self.is_busy = False
        if error is not None and self._error is None:
            log.error("message_not_spilled", reason=str(error))
            self._error = error
        after, self._after = self._after, None
        if self._is_discarded:
            self._close()
        elif after is not None:
            after()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    # --- in a thread, while nobody else looks ------------------------------------------------------

    def _write(self, piece: Content) -> None:
        self._spill.check_space()
        if self._file is None:
            self._file = self._spill.open()
        self._write_at(_RESERVED_BYTES + self._size_bytes, piece)
        self._size_bytes += len(piece)

    def _finish(self, field: bytes, rest: Content) -> None:
        if self._error is not None:
            return
        self._write(rest)
        self._write_at(_RESERVED_BYTES - len(field), field)

    def _write_at(self, position: int, content: Content) -> None:
        assert self._file is not None, "not open"
        assert position >= 0, "a field longer than what is reserved for it"
        left = memoryview(content)
        while left:
            written = os.pwrite(self._file.fileno(), left, position)
            left, position = left[written:], position + written
