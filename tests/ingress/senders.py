"""Clients that connect continuously, to see whether anybody is ever turned away."""

import threading

from tests.servers.dial import dial
from tests.servers.process import wait_until

_CLIENTS = 8
_PATIENCE_SECONDS = 60.0


class Senders:
    """Each connects, sends one message, and begins again, until told to stop; `faults`: all that is no
    250 to a message."""

    def __init__(self, address: tuple[str, int], count: int = _CLIENTS) -> None:
        self._address = address
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]
        self.accepted: list[str] = []
        self.faults: list[str] = []

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, count: int = 50) -> None:
        """Returns when so many more are accepted."""
        before = len(self.accepted)
        wait_until(
            lambda: self.faults or len(self.accepted) >= before + count,
            f"{count} messages more",
            timeout_seconds=_PATIENCE_SECONDS,
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with dial(self._address, timeout_seconds=_PATIENCE_SECONDS) as peer:
                    peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
                    heard = peer.sends_message(b"text\r\n")
                    if heard.code != 250:
                        self.faults.append(" | ".join(map(str, peer.replies)))
                        continue
                    self.accepted.append(str(heard).rpartition(" ")[2])
            except OSError as error:
                self.faults.append(repr(error))
