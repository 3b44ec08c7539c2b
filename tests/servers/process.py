"""A program of the test ground: started, waited for, stopped by its own id, its output kept."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

READY_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 15.0
POLL_SECONDS = 0.02


def wait_until(
    condition: Callable[[], object],
    what: str,
    *,
    timeout_seconds: float = READY_TIMEOUT_SECONDS,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Returns as soon as `condition()` is true; AssertionError naming `what` when it does not become so."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_seconds:g} s"
        time.sleep(poll_seconds)


class Process:
    """`command` in a session of its own, its output in the file `log`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                user=user,
                group=user,
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(
        self, condition: Callable[[], object], what: str, *, timeout_seconds: float = READY_TIMEOUT_SECONDS
    ) -> None:
        """Like the function, but ends at once, with the output, when the process does."""

        def holds() -> object:
            assert self.is_running, f"{what}: process ended with {self.exit_code}\n{self.output}"
            return condition()

        try:
            wait_until(holds, what, timeout_seconds=timeout_seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None

    def send_signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """As a crash does it: at once, with nothing tidied up, and its children too."""
        os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def kill_session(self) -> None:
        """As a power cut does it: also what it started in groups of their own."""
        self._popen.kill()  # first: it could start others again
        self._popen.wait()
        while pids := _living_in_session(self.pid):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    def stop(self, *, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """SIGTERM, and SIGKILL after `timeout_seconds`; the exit code. May be called again."""
        if self.is_running:
            self._popen.terminate()
        try:
            return self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


def _living_in_session(number: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-s", str(number)], check=False, capture_output=True, text=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return [int(pid) for pid, state in rows if not state.startswith("Z")]


@contextlib.contextmanager
def running(process: Process, *, stop_timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> Iterator[Process]:
    try:
        yield process
    finally:
        process.stop(timeout_seconds=stop_timeout_seconds)
