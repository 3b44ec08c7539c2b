"""Listening sockets that outlive the process that serves them, for its parent holds a copy of each.

Whoever is started in its place gets them back, with the connections that wait to be accepted: closed,
or left to a process that died, they would be reset. A worker and its parent talk over a socket pair:

| worker says                    | with            |                                             |
|--------------------------------|-----------------|---------------------------------------------|
| `opened`                       | its descriptor  | hold this                                   |
| `closed ADDRESS PORT`          |                 | nobody listens there any more, let it go    |
| `ready`                        |                 | all are listened on                         |

and the parent `retire` when another does the work, or nothing more when it is gone.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping

Key = tuple[str, int]  # address, port
RETIRE = b"retire\n"
_READ_BYTES = 65_536
_MAX_DESCRIPTORS = 253  # in one piece (SCM_MAX_FD, unix(7))


class ListeningSockets:
    """A worker's side. Without `channel` there is no parent, and nobody is told anything."""

    def __init__(
        self, inherited: Mapping[Key, socket.socket] | None = None, channel: socket.socket | None = None
    ) -> None:
        self._inherited = dict(inherited or {})
        self._channel = channel
        self._unsent: deque[tuple[bytes, int]] = deque()  # with a copy of a descriptor, or -1

    def follow(self, on_retire: Callable[[], None], on_parent_gone: Callable[[], None]) -> None:
        """From now on, on the running loop."""
        channel = self._channel
        if channel is None:
            return
        loop = asyncio.get_running_loop()

        def hear() -> None:
            try:
                heard = channel.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                heard = b""
            if heard:
                on_retire()
            else:
                loop.remove_reader(channel)
                on_parent_gone()

        channel.setblocking(False)
        loop.add_reader(channel, hear)

    def claim(self, key: Key) -> socket.socket | None:
        """What a former process listened with there, once."""
        return self._inherited.pop(key, None)

    def drop_unclaimed(self) -> None:
        """The configuration wants none of those that are left."""
        for key in list(self._inherited):
            self._inherited.pop(key).close()
            self.closed(key)

    def opened(self, listening: socket.socket) -> None:
        if self._channel is not None:
            self._say("opened\n", os.dup(listening.fileno()))

    def closed(self, key: Key) -> None:
        self._say(f"closed {key[0]} {key[1]}\n")

    def ready(self) -> None:
        self._say("ready\n")

    def _say(self, line: str, descriptor: int = -1) -> None:
        """Never blocks: a thousand descriptors at once are more than the kernel takes without a reader."""
        if self._channel is None:
            return
        self._unsent.append((line.encode(), descriptor))
        if len(self._unsent) == 1:
            self._send()

    def _send(self) -> None:
        channel, loop = self._channel, asyncio.get_running_loop()
        assert channel is not None, "nothing is said without a parent"
        try:
            while self._unsent:
                line, descriptor = self._unsent[0]
                sent = socket.send_fds(channel, [line], [descriptor] if descriptor >= 0 else [])
                self._unsent.popleft()
                if descriptor >= 0:
                    os.close(descriptor)
                if sent < len(line):
                    self._unsent.appendleft((line[sent:], -1))
        except BlockingIOError:
            loop.add_writer(channel, self._send)
            return
        except OSError:  # the parent is gone, which `follow` hears too
            while self._unsent:
                _, descriptor = self._unsent.popleft()
                if descriptor >= 0:
                    os.close(descriptor)
        loop.remove_writer(channel)


class HeldSockets:
    """The parent's side: copies of what its workers listen on, by the worker's number."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, Key], socket.socket] = {}

    def of(self, number: int) -> dict[Key, socket.socket]:
        return {key: held for (owner, key), held in self._held.items() if owner == number}

    def descriptors(self) -> list[tuple[int, int]]:
        """Worker's number and descriptor of each."""
        return [(number, held.fileno()) for (number, _), held in self._held.items()]

    def hold(self, number: int, held: socket.socket) -> None:
        address, port = held.getsockname()[:2]
        self.let_go(number, (address, port))
        self._held[number, (address, port)] = held

    def let_go(self, number: int, key: Key) -> None:
        held = self._held.pop((number, key), None)
        if held is not None:
            held.close()

    def let_all_go(self, number: int | None = None, *, but: int | None = None) -> None:
        """Those of one worker, or of all `but` one."""
        for owner, key in list(self._held):
            if owner != but and number in (None, owner):
                self.let_go(owner, key)


class Hearing:
    """What a worker says, for its parent: `hear` whenever its channel can be read."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._begun = b""
        self._received: deque[socket.socket] = deque()

    def hear(self) -> list[tuple[str, Key | None, socket.socket | None]]:
        """Each line that has come: verb, key, socket. EOFError when the worker is gone."""
        try:
            received, descriptors, _, _ = socket.recv_fds(self.channel, _READ_BYTES, _MAX_DESCRIPTORS)
        except BlockingIOError:
            return []
        except OSError:
            received, descriptors = b"", []
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
            self._received.append(socket.socket(fileno=descriptor))
        if not received:
            raise EOFError
        *lines, self._begun = (self._begun + received).split(b"\n")
        return [self._read(line.decode()) for line in lines]

    def close(self) -> None:
        for one in (*self._received, self.channel):
            one.close()

    def _read(self, line: str) -> tuple[str, Key | None, socket.socket | None]:
        verb, *rest = line.split(" ")
        # Descriptors come in the order of their lines; the kernel drops those beyond the limit on open
        # files, so that which is whose is for themselves to say.
        held = self._received.popleft() if verb == "opened" and self._received else None
        return verb, (rest[0], int(rest[1])) if rest else None, held
