"""`manage.py runingress`: one process from configuration to SIGTERM, or several that share the ports."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable

import structlog
import uvloop

from endpoints.snapshot import SnapshotSource
from ingress.config import IngressConfig
from ingress.engine import Engine
from ingress.reporting import Reporter
from mailflow.refusals import RefusalRecorder
from mailflow.spool import Spool

log = structlog.get_logger()

_RESTART_SECONDS = 1.0


def serve(config: IngressConfig) -> None:
    """Until SIGTERM or SIGINT; returns when everything accepted is stored and every refusal recorded."""
    _raise_file_limit()
    # The spool's writer has to have the interpreter back after each of its waits for the disk, and
    # everybody waits for the writer: a busy loop shall not keep it for the usual 5 ms.
    sys.setswitchinterval(0.0005)
    # Nothing that was loaded becomes garbage: collections need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    uvloop.run(_serve(config))


async def _serve(config: IngressConfig) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    spool, refusals = Spool(), RefusalRecorder()
    await spool.start()
    refusals.start()
    engine = Engine(config, spool, refusals)
    source, reporter = SnapshotSource(engine.apply), Reporter(engine, spool)
    engine.start()
    reporter.start()
    try:
        await source.start()
        log.info("ingress_started", pid=os.getpid(), listeners=len(engine.listeners))
        await stopping.wait()
        log.info("ingress_stopping", pid=os.getpid(), sessions=len(engine.sessions))
    finally:
        await engine.stop()
        await source.close()
        await spool.close()
        await reporter.close()
        await asyncio.to_thread(refusals.close)
    log.info("ingress_stopped", pid=os.getpid())


def serve_in_processes(config: IngressConfig, processes: int) -> int:
    """`processes` children that `serve`; what dies is started again. The exit code: 0 when all stopped
    as they were told."""
    return _Family(lambda: serve(config), processes).run()


class _Family:
    """Children by fork: they share what was loaded. The parent holds no thread, loop or connection."""

    def __init__(self, work: Callable[[], None], processes: int) -> None:
        self._work = work
        self._processes = processes
        self._children: dict[int, float] = {}  # process ID → when it was started
        self._is_stopping = False
        self._exit_code = 0

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(self._processes):
            self._fork()
        while self._children:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.wait()
                self._ended(pid, os.waitstatus_to_exitcode(status))
        return self._exit_code

    def _fork(self) -> None:
        # A signal between fork and the child's own handlers would run the parent's in the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for number in _STOP_SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
                self._work()
                code = 0
            except Exception:  # the process's edge
                log.exception("ingress_failed", pid=os.getpid())
            finally:
                os._exit(code)
        self._children[pid] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def _ended(self, pid: int, code: int) -> None:
        started_at = self._children.pop(pid, 0.0)
        if self._is_stopping:
            self._exit_code = self._exit_code or code
            return
        log.error("ingress_process_ended", pid=pid, code=code)
        if time.monotonic() - started_at < _RESTART_SECONDS:
            time.sleep(_RESTART_SECONDS)
        if not self._is_stopping:
            self._fork()

    def _stop(self, number: int, frame: object) -> None:
        self._is_stopping = True
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _raise_file_limit() -> None:
    """Each connection is a file; the soft limit is 1024 on most systems, the hard one what counts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
