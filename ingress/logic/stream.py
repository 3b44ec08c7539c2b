"""The stream of a session cut into lines, and the order of its parts: h11's way, bytes in, values out.

    receive(bytes) ─► events        take_output() ─► replies to send, those of a batch in one piece

Input is worked off until something must be waited for; then it is kept until the answer.
"""

from collections.abc import Callable, Sequence
from typing import Any

from core import reply
from core.reply import Reply
from ingress.logic.events import Event

_MAX_SKIPPED_BYTES = 65_536  # of a line that is too long; beyond it its end is not waited for
NOTHING: tuple[Event, ...] = ()


class Stream:
    """Input, output and events of one connection; `Conversation` gives them meaning.

    `is_closed`: send the output that is left, then hang up; `farewell` is its last reply.
    `_read`: what reads the input next; it returns False where it needs more. An unbound method, for
    a bound one would be a cycle, and each session garbage to be collected.
    """

    __slots__ = (
        "_at",
        "_errors",
        "_events",
        "_input",
        "_is_waiting",
        "_max_errors",
        "_output",
        "_read",
        "_skipped_bytes",
        "farewell",
        "is_closed",
    )

    def __init__(self, first_reader: Callable[[Any], bool], max_errors: int) -> None:
        self.is_closed = False
        self.farewell: Reply | None = None
        self._max_errors = max_errors
        self._input = b""
        self._at = 0  # what lies before it in the input is done with
        self._read = first_reader
        self._skipped_bytes = 0
        self._is_waiting = False
        self._events: list[Event] = []
        self._output: list[bytes] = []
        self._errors = 0

    @property
    def is_waiting(self) -> bool:
        """For an answer to the last event."""
        return self._is_waiting

    @property
    def wants_input(self) -> bool:
        """False: stop reading from the socket, for an answer is awaited and there is input already."""
        return not (self._is_waiting and self._input)

    def receive(self, chunk: bytes) -> Sequence[Event]:
        if self.is_closed:
            return NOTHING
        self._input = self._input + chunk if self._input else chunk
        return NOTHING if self._is_waiting else self._run()

    def take_output(self) -> bytes:
        output = self._output
        if not output:
            return b""
        taken = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return taken

    def close(self, farewell: Reply | None = None) -> None:
        """At once, whatever is under way."""
        if farewell is not None and not self.is_closed:
            self._output.append(farewell.wire)
            self.farewell = farewell
        self.is_closed = True
        self._input, self._at = b"", 0

    def _run(self) -> Sequence[Event]:
        while self._at < len(self._input) and not self._is_waiting and self._read(self):
            pass
        # Once for all commands of a batch: cutting it off command by command would cost the square.
        self._input, self._at = self._input[self._at :], 0
        if not self._events:
            return NOTHING
        events, self._events = self._events, []
        return events

    def _line(self, limit_bytes: int) -> bytes | None:
        """The next line without CRLF. None: it has not all come, or is too long (`_read` skips it then),
        or ends in a bare LF or has a bare CR (the session is closed then)."""
        received, start = self._input, self._at
        end = received.find(b"\n", start, start + limit_bytes)
        if end < 0:
            if len(received) - start >= limit_bytes:
                self._read = Stream._skip_line
            return None
        line = received[start : end - 1] if end > start else b""
        if end == start or received[end - 1] != 13 or b"\r" in line:
            self.close(reply.BARE_LINE_ENDING)
            return None
        self._at = end + 1
        return line

    def _skip_line(self) -> bool:
        """Of a line that is too long only the end counts: it gets one reply, and nothing of it is kept."""
        end = self._input.find(b"\n", self._at)
        after = end + 1 if end >= 0 else len(self._input)
        self._skipped_bytes += after - self._at
        self._at = after
        if self._skipped_bytes > _MAX_SKIPPED_BYTES:
            self.close(reply.LINE_TOO_LONG)
        elif end >= 0:
            self._skipped_bytes = 0
            self._line_skipped()
        return not self.is_closed

    @property
    def _is_skipping(self) -> bool:
        return self._read is Stream._skip_line

    def _line_skipped(self) -> None:
        raise NotImplementedError

    def _fail(self, complaint: Reply) -> None:
        """An error of the client's, counted."""
        self._output.append(complaint.wire)
        self._errors += 1
        if self._errors > self._max_errors:
            self.close(reply.TOO_MANY_ERRORS)
