"""One worker of `manage.py runingress`, from configuration to SIGTERM."""

import asyncio
import gc
import os
import signal
import sys

import structlog
import uvloop

from endpoints.logic.snapshot import Snapshot
from endpoints.snapshot import SnapshotSource
from ingress.config import IngressConfig
from ingress.engine import Engine
from ingress.reporting import Reporter
from ingress.sockets import ListeningSockets
from mailflow.refusals import RefusalRecorder
from mailflow.spool import Spool

log = structlog.get_logger()


def serve(config: IngressConfig, sockets: ListeningSockets) -> None:
    """Until SIGTERM, SIGINT, or another has taken over; returns when everything accepted is stored and
    every refusal recorded."""
    # The spool's writer has to have the interpreter back after each of its waits for the disk, and
    # everybody waits for the writer: a busy loop shall not keep it for the usual 5 ms.
    sys.setswitchinterval(0.0005)
    # Nothing that was loaded becomes garbage: collections need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    uvloop.run(_serve(config, sockets))


async def _serve(config: IngressConfig, sockets: ListeningSockets) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    spool, refusals = Spool(), RefusalRecorder()
    await spool.start()
    refusals.start()
    engine = Engine(config, spool, refusals, sockets=sockets)

    async def apply(snapshot: Snapshot) -> None:
        await engine.apply(snapshot)
        sockets.ready()

    async def retire() -> None:
        log.info("ingress_retiring", pid=os.getpid(), sessions=len(engine.sessions))
        await engine.retire()
        stopping.set()

    retiring: list[asyncio.Task[None]] = []
    sockets.follow(
        on_retire=lambda: None if retiring else retiring.append(loop.create_task(retire())),
        on_parent_gone=stopping.set,
    )
    source, reporter = SnapshotSource(apply), Reporter(engine, spool)
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
