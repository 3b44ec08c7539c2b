"""The parent of the ingress's workers: starts them, again when they die, and anew on SIGHUP.

| signal          |                                                                                      |
|-----------------|--------------------------------------------------------------------------------------|
| SIGTERM, SIGINT | all stop; the parent ends when they have                                             |
| SIGHUP          | the program is read again from disk, with its settings; new workers take over        |

It holds a copy of every listening socket, so that none is closed while one worker follows another, and
the connections that wait to be accepted wait on. It has no thread, loop or database connection.
"""

import json
import os
import resource
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from ingress.sockets import RETIRE, Hearing, HeldSockets, ListeningSockets

log = structlog.get_logger()

_RESTART_SECONDS = 1.0
# Names the descriptor of a file that says what the program before this one left: see `_Legacy`.
_LEGACY = "MAILMANAGER_INGRESS_LEGACY"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass
class _Worker:
    """`number`: its place among those that work at once; who follows it gets its sockets."""

    number: int
    pid: int
    hearing: Hearing
    started_at: float = field(default_factory=time.monotonic)
    is_ready: bool = False


class Family:
    """Workers by fork: they share what was loaded. `work` is run in each, and returns when it is done.
    `command` and `environment`: by which this program was started; `rehearsal`: the command that says by
    its exit code whether it can be."""

    def __init__(
        self,
        work: Callable[[ListeningSockets], None],
        processes: int,
        *,
        command: Sequence[str],
        rehearsal: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._work = work
        self._command = command
        self._rehearsal = rehearsal
        self._environment = {name: value for name, value in environment.items() if name != _LEGACY}
        self._workers: dict[int, _Worker | None] = dict.fromkeys(range(processes))
        self._former: list[_Worker] = []  # retired, or at work until the new ones are ready
        self._start_at = dict.fromkeys(range(processes), 0.0)
        self._sockets = HeldSockets()
        self._rehearsing = 0  # its process ID
        self._is_stopping = False
        self._exit_code = 0
        self._selector = selectors.DefaultSelector()
        self._woken, self._waking = socket.socketpair()

    def run(self) -> int:
        """The exit code: 0 when all stopped as they were told."""
        self._prepare()
        while not self._is_stopping or self._living():
            if not self._is_stopping:
                self._start_missing()
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    for number in self._woken.recv(1024):
                        self._signalled(number)
                elif key.data in self._living():  # its end may have been told by a signal in this round
                    self._hear(key.data)
        return self._exit_code

    def _prepare(self) -> None:
        _raise_file_limit()
        for end in (self._woken, self._waking):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)  # what counts is that it is written to `_waking`
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        if _LEGACY in os.environ:
            with os.fdopen(int(os.environ.pop(_LEGACY))) as file:
                self._inherit(json.load(file))
        # Blocked while one program became the other.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self._signalled(signal.SIGCHLD)

    # --- workers ----------------------------------------------------------------------------------

    def _living(self) -> list[_Worker]:
        return [*filter(None, self._workers.values()), *self._former]

    def _patience(self) -> float | None:
        """Seconds until a worker has to be started; None without any."""
        due = [self._start_at[number] for number, worker in self._workers.items() if worker is None]
        return max(0.0, min(due) - time.monotonic()) if due and not self._is_stopping else None

    def _start_missing(self) -> None:
        for number, worker in self._workers.items():
            if worker is None and time.monotonic() >= self._start_at[number]:
                self._fork(number)

    def _fork(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        # A signal between fork and the child's own handlers would run the parent's in the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._be_worker(number, theirs)
        theirs.close()
        self._workers[number] = self._attend(_Worker(number, pid, Hearing(ours)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _be_worker(self, number: int, channel: socket.socket) -> None:
        """In the child: never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for one in _SIGNALS:
                signal.signal(one, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal's; the parent acts on it
            self._selector.close()
            for worker in self._living():
                worker.hearing.close()
            for end in (self._woken, self._waking):
                end.close()
            self._sockets.let_all_go(but=number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._work(ListeningSockets(self._sockets.of(number), channel))
            code = 0
        except Exception:  # the process's edge
            log.exception("ingress_failed", pid=os.getpid())
        finally:
            os._exit(code)

    def _attend(self, worker: _Worker) -> _Worker:
        worker.hearing.channel.setblocking(False)
        self._selector.register(worker.hearing.channel, selectors.EVENT_READ, worker)
        return worker

    def _hear(self, worker: _Worker) -> None:
        try:
            heard = worker.hearing.hear()
        except EOFError:
            self._selector.unregister(worker.hearing.channel)
            return
        is_current = self._workers[worker.number] is worker
        for verb, key, held in heard:
            if verb == "ready":
                worker.is_ready = True
            elif held is not None and is_current and not self._is_stopping:
                self._sockets.hold(worker.number, held)
            elif held is not None:
                held.close()
            elif key is not None and is_current:
                self._sockets.let_go(worker.number, key)
        if worker.is_ready and all(one is not None and one.is_ready for one in self._workers.values()):
            self._retire_former()

    def _retire_former(self) -> None:
        """May tell them again: whoever knows it does nothing."""
        for worker in self._former:
            with suppress(OSError):  # it has ended
                worker.hearing.channel.send(RETIRE)

    # --- signals ----------------------------------------------------------------------------------

    def _signalled(self, number: int) -> None:
        if number == signal.SIGCHLD:
            with suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    self._ended(ended[0], os.waitstatus_to_exitcode(ended[1]))
        elif number == signal.SIGHUP:
            self._rehearse()
        else:
            self._stop()

    def _ended(self, pid: int, code: int) -> None:
        if pid == self._rehearsing:
            self._rehearsing = 0
            self._rehearsed(code)
            return
        worker = next((one for one in self._living() if one.pid == pid), None)
        if worker is None:
            return
        with suppress(KeyError):
            self._selector.unregister(worker.hearing.channel)
        worker.hearing.close()
        if worker in self._former:
            self._former.remove(worker)
        else:
            self._workers[worker.number] = None
            if not self._is_stopping:
                self._replace(worker, code)
        if self._is_stopping:
            self._exit_code = self._exit_code or code

    def _replace(self, worker: _Worker, code: int) -> None:
        log.error("ingress_process_ended", pid=worker.pid, code=code)
        now = time.monotonic()
        if now - worker.started_at < _RESTART_SECONDS:
            self._start_at[worker.number] = now + _RESTART_SECONDS
        if not worker.is_ready and not self._former:
            # It may never be: nobody shall wait for it to accept their connection.
            self._sockets.let_all_go(worker.number)

    def _stop(self) -> None:
        self._is_stopping = True
        self._sockets.let_all_go()
        for worker in self._living():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)

    # --- another program --------------------------------------------------------------------------

    def _rehearse(self) -> None:
        """Whether the program as it is on disk now can be started; meanwhile all goes on."""
        if self._rehearsing or self._is_stopping:
            return
        try:
            self._rehearsing = os.posix_spawn(self._rehearsal[0], list(self._rehearsal), self._environment)
        except OSError as error:
            log.error("ingress_reload_failed", reason=str(error))

    def _rehearsed(self, code: int) -> None:
        if code:
            log.error("ingress_reload_failed", reason=f"the program can't be started (exit code {code})")
        elif not self._is_stopping:
            try:
                self._become_anew()
            except OSError as error:
                log.error("ingress_reload_failed", reason=str(error))

    def _become_anew(self) -> None:
        """Never returns but by OSError: the same process, and the parent of the same workers, goes on with
        the program as it is on disk."""
        log.info("ingress_reloading", pid=os.getpid())
        workers = [(one.number, one.pid, one.hearing.channel.fileno()) for one in self._living()]
        sockets = self._sockets.descriptors()
        with tempfile.TemporaryFile("w+") as file:
            json.dump({"workers": workers, "sockets": sockets}, file)
            file.seek(0)
            kept = [file.fileno(), *(one[-1] for one in (*workers, *sockets))]
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            try:
                for descriptor in kept:
                    os.set_inheritable(descriptor, True)
                environment = {**self._environment, _LEGACY: str(file.fileno())}
                os.execve(self._command[0], list(self._command), environment)  # noqa: S606 - no shell is wanted
            finally:
                for descriptor in kept:
                    os.set_inheritable(descriptor, False)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _inherit(self, legacy: "_Legacy") -> None:
        for number, descriptor in legacy["sockets"]:
            os.set_inheritable(descriptor, False)
            self._sockets.hold(number, socket.socket(fileno=descriptor))
        for number, pid, descriptor in legacy["workers"]:
            os.set_inheritable(descriptor, False)
            self._former.append(self._attend(_Worker(number, pid, Hearing(socket.socket(fileno=descriptor)))))


_Legacy = dict[str, list[tuple[int, ...]]]


def _raise_file_limit() -> None:
    """Each connection is a file; the soft limit is 1024 on most systems, the hard one what counts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
