"""Which of the node's metric files a process writes: its slot, a number that a lock holds while it lives.

Process IDs would not do: two containers that share a data directory both have a process 1, and a process
that is started again would leave its files behind each time. Who takes a slot goes on counting where its
last holder stopped, as counters should.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

MAX_SLOTS = 4096
_GATE = MAX_SLOTS  # this byte of the lock file is held while a slot is taken


class Slots:
    """Byte n of the file `slots` is locked by the process that has slot n (POSIX record locks: a child
    does not inherit them, the kernel frees them, and they hold between containers of one machine)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self._process_id = 0
        self._own = -1

    def own(self) -> int:
        """This process's slot; a forked child takes one of its own at its first call. OSError where
        the folder can't be used."""
        if self._process_id != os.getpid():
            self._own = self._take()
            self._process_id = os.getpid()
        return self._own

    def counted_files(self) -> Iterator[Path]:
        """What is to be summed up: all counters, and gauges of those who live."""
        live: dict[int, bool] = {}
        for path in self._folder.glob("*.db"):
            slot = _slot_of(path)
            if path.name.startswith("gauge_live"):
                if slot not in live:
                    live[slot] = self._is_held(slot)
                if not live[slot]:
                    continue
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size:  # else it is in the making
                    yield path

    def _take(self) -> int:
        if self._descriptor < 0:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._folder / "slots", os.O_RDWR | os.O_CREAT, 0o600)
        self._own = -1
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, _GATE)
        try:
            if self._lock(0, MAX_SLOTS):  # nobody else has any
                # The node begins anew, perhaps in another version, with other metrics.
                for path in self._folder.glob("*.db"):
                    path.unlink(missing_ok=True)
                self._unlock(0, MAX_SLOTS)
            return self._take_free()
        finally:
            self._unlock(_GATE)

    def _take_free(self) -> int:
        for slot in range(MAX_SLOTS):
            files = list(self._folder.glob(f"*_{slot}.db"))
            # A command that was run as another user may have left some that we can't write.
            if all(os.access(path, os.R_OK | os.W_OK) for path in files) and self._lock(slot):
                for path in files:
                    if path.name.startswith("gauge_live"):
                        path.unlink(missing_ok=True)
                return slot
        raise OSError(f"all {MAX_SLOTS} slots for metrics are taken")

    def _is_held(self, slot: int) -> bool:
        if slot == self._own:
            return True
        if not self._lock(slot):
            return True
        self._unlock(slot)
        return False

    def _lock(self, slot: int, slots: int = 1) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, slots, slot)
        except (BlockingIOError, PermissionError):  # as fcntl(2) has it, either
            return False
        return True

    def _unlock(self, slot: int, slots: int = 1) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, slots, slot)


def _slot_of(path: Path) -> int:
    """prometheus_client names its files `<type>_<slot>.db`, `gauge_<mode>_<slot>.db`."""
    return int(path.stem.rpartition("_")[2])
