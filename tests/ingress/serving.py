"""The ingress's engine in a thread: real sockets, real TLS; a spool in memory where none is given."""

import asyncio
import contextlib
import io
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from core.envelope import Envelope
from core.errors import MailError
from endpoints.logic.snapshot import ServedEndpoint, Snapshot
from ingress.config import IngressConfig
from ingress.engine import Engine
from mailflow.large_content import LargeContent
from mailflow.refusals import Refusal
from tests.servers.ports import free_port

_DONE_SECONDS = 30


@dataclass
class KeepingSpool:
    """Keeps what it is given. `fault`: raised instead. `gate`: stored only when it is set."""

    stored: list[tuple[Envelope, bytes]] = field(default_factory=list)
    fault: Exception | None = None
    gate: threading.Event | None = None
    _storing: set[asyncio.Task[MailError | None]] = field(default_factory=set)

    def submit(
        self,
        envelope: Envelope,
        content: bytes | LargeContent,
        settled: Callable[[MailError | None], None],
    ) -> None:
        if self.fault is not None and not isinstance(self.fault, MailError):
            raise self.fault
        storing = asyncio.ensure_future(self._store(envelope, content))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        storing.add_done_callback(lambda done: settled(done.result()))

    async def _store(self, envelope: Envelope, content: bytes | LargeContent) -> MailError | None:
        if self.gate is not None:
            await asyncio.to_thread(self.gate.wait, _DONE_SECONDS)
        if isinstance(self.fault, MailError):
            return self.fault
        whole = content if isinstance(content, bytes) else b"".join(content.pieces())
        self.stored.append((envelope, whole))
        return None


@dataclass
class KeepingRefusals:
    kept: list[Refusal] = field(default_factory=list)

    def record(self, refusal: Refusal) -> None:
        self.kept.append(refusal)


class Ingress:
    """`host`, `port`: of the first endpoint; `submission_port` of an authenticated one."""

    def __init__(self, config: IngressConfig, spool: Any) -> None:
        self.config = config
        self.spool = spool
        self.refusals = KeepingRefusals()
        self.journal = io.StringIO()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ingress")
        self._thread.start()
        self._version = 0
        self.engine: Engine = self.does(self._make())

    @property
    def stored(self) -> list[tuple[Envelope, bytes]]:
        return self.spool.stored

    @property
    def host(self) -> str:
        return next(iter(self.engine.listeners)).address

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def ports(self) -> list[int]:
        return [listener.port for listener in self.engine.listeners]

    def serve(self, *endpoints: ServedEndpoint) -> None:
        """As a new snapshot does it."""
        self._version += 1
        by_address = {address: endpoint for endpoint in endpoints for address in endpoint.addresses}
        self.does(self.engine.apply(Snapshot(self._version, by_address)))

    def stop(self) -> None:
        self.does(self.engine.stop())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def does(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.begins(work).result(_DONE_SECONDS)

    def begins(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _make(self) -> Engine:
        engine = Engine(self.config, self.spool, self.refusals, journal_stream=self.journal)
        engine.start()
        return engine


@contextlib.contextmanager
def serving(
    folder: Path, endpoint: ServedEndpoint, *, spool: Any = None, **changes: Any
) -> Iterator[Ingress]:
    config = IngressConfig(data_dir=folder, **{"smtp_port": 0, "submission_port": free_port(), **changes})
    ingress = Ingress(config, spool or KeepingSpool())
    try:
        ingress.serve(endpoint)
        yield ingress
    finally:
        ingress.close()
