"""One line for each accepted message, in the form of all other logs, at a fraction of their cost.

structlog through logging takes some 80 µs a line, as long as everything else about a message. What is
accepted within one turn of the event loop is written in one piece.
"""

import logging
import sys
from asyncio import AbstractEventLoop
from json.encoder import encode_basestring as _quoted
from typing import TextIO

from core.envelope import Envelope


class Journal:
    """`stream`: where the logs go (stderr as it is at each write, unless told otherwise)."""

    def __init__(self, loop: AbstractEventLoop, stream: TextIO | None = None) -> None:
        self._loop = loop
        self._stream = stream
        self._lines: list[str] = []
        self._is_enabled = logging.getLogger(__name__).isEnabledFor(logging.INFO)

    def accepted(self, envelope: Envelope) -> None:
        if not self._is_enabled:
            return
        # Only the reverse-path can hold what JSON has to escape; the rest is ours, or an IP address.
        self._lines.append(
            f'{{"session_id": "{envelope.session_id}", "message_id": "{envelope.message_id}",'
            f' "endpoint": "{envelope.endpoint_id}", "peer": "{envelope.peer_address}",'
            f' "reverse_path": {_quoted(envelope.reverse_path)}, "recipients": {len(envelope.forward_paths)},'
            f' "size_bytes": {envelope.size_bytes}, "event": "message_accepted", "level": "info",'
            f' "logger": "{__name__}", "at": "{envelope.received_at.isoformat()}"}}'
        )
        if len(self._lines) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines.clear()
            stream = self._stream or sys.stderr
            stream.write(text)
            stream.flush()
