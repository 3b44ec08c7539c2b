"""One ingress process: listeners, sessions, and what they share; started, reconfigured, stopped."""

import asyncio
import contextlib
import secrets
from itertools import count
from typing import TextIO

import structlog

from core import reply
from endpoints.logic.snapshot import Snapshot
from ingress.acceptance import Acceptance, RefusalsLike, SpoolLike
from ingress.certificates import Certificates
from ingress.config import IngressConfig
from ingress.gate import Gate
from ingress.handshakes import Handshakes
from ingress.journal import Journal
from ingress.listeners import Listeners
from ingress.logic.budget import ByteBudget
from ingress.outbox import Outbox
from ingress.passwords import PasswordChecker
from ingress.session import SmtpSession
from ingress.sockets import ListeningSockets
from ingress.spill import Spill
from ingress.tally import Tally
from ingress.tls_contexts import TlsContexts

log = structlog.get_logger()

_TICK_SECONDS = 0.5
_RETIRED_IDLE_SECONDS = 10.0
_MAX_ACCEPTING_TURNS = 1000  # a flood does not keep us from stopping


class Engine:
    """`start`, then `apply` a snapshot as often as one comes, and `stop`, all on the loop it was made on.
    `spool` and `refusals` are started and closed by the caller."""

    def __init__(
        self,
        config: IngressConfig,
        spool: SpoolLike,
        refusals: RefusalsLike,
        *,
        journal_stream: TextIO | None = None,
        sockets: ListeningSockets | None = None,
    ) -> None:
        self.config = config
        self.sockets = sockets or ListeningSockets()
        self.idle_seconds = config.idle_timeout_seconds
        self.is_retired = False
        self.loop = asyncio.get_running_loop()
        self._spill = Spill(config.data_dir, config.least_free_bytes)
        self.budget = ByteBudget(
            config.budget_bytes, most_of_one_bytes=config.max_in_memory_bytes, open_file=self._spill.new
        )
        self.gate = Gate(config, self.loop.time)
        self.passwords = PasswordChecker()
        self.journal = Journal(self.loop, journal_stream)
        self.outbox = Outbox(self.loop)
        self.tally = Tally()
        self.acceptance = Acceptance(spool, refusals, self.journal, self.tally)
        self.listeners = Listeners(self)
        self.sessions: set[SmtpSession] = set()
        self.tls = TlsContexts(
            self.loop,
            Certificates(config.data_dir / "tls", cert_file=config.tls_cert, key_file=config.tls_key),
        )
        self.handshakes = Handshakes(
            self.loop, config.max_handshakes, most_seconds=config.handshake_timeout_seconds
        )
        self._token = secrets.token_hex(8)
        self._numbers = count(1)
        self._session_ended = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._ticking = self.loop.create_task(self._tick())
        self.tls.prepare()

    async def apply(self, snapshot: Snapshot) -> None:
        await self.listeners.apply(snapshot)
        for session in list(self.sessions):
            session.follow_terms()

    async def retire(self) -> None:
        """Another process has our sockets. Sessions go on, each to the end of its next message, or until
        it is idle for some seconds; returns when all have ended, `handover_seconds` later at most."""
        self.is_retired = True
        self.idle_seconds = min(self.idle_seconds, _RETIRED_IDLE_SECONDS)
        self.listeners.close()
        for session in list(self.sessions):
            session.hurry()
        await self._wait_for_sessions(self.config.handover_seconds)

    async def stop(self) -> None:
        """No new connections; idle ones hear 421 at once, transactions under way are finished, for
        `shutdown_seconds` at most."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        await self._accept_all()  # who waits for it shall hear 421 too, and no reset
        self.listeners.close()
        await self._accept_all()
        for session in list(self.sessions):
            session.drain(reply.SHUTTING_DOWN)
        await self._wait_for_sessions(self.config.shutdown_seconds)
        if self.sessions:
            log.warning("sessions_cut_off", sessions=len(self.sessions))
            for session in list(self.sessions):
                session.give_up()
            await asyncio.sleep(0)
        self.passwords.close()
        self._spill.close()
        self.tls.close()
        self.journal.flush()

    async def _accept_all(self) -> None:
        """The loop accepts one connection for each listener and turn; a turn later it is a session."""
        turns_in_vain = 0
        for _ in range(_MAX_ACCEPTING_TURNS):
            before = len(self.sessions)
            await asyncio.sleep(0)
            turns_in_vain = 0 if len(self.sessions) > before else turns_in_vain + 1
            if turns_in_vain > 2:
                return

    async def _wait_for_sessions(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.sessions:
                    self._session_ended.clear()
                    await self._session_ended.wait()

    def forget(self, session: SmtpSession) -> None:
        """Its connection is gone."""
        self.sessions.discard(session)
        self._session_ended.set()

    def new_session_id(self) -> str:
        """Unique over processes and restarts by the token, within one by the number."""
        return f"{self._token}{next(self._numbers):08x}"

    async def _tick(self) -> None:
        """Time-outs of all sessions in one sweep (a timer for each would cost more than the session)."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self.loop.time()
            for session in list(self.sessions):
                session.check_time(now)
            self.handshakes.check_time(now)
            await self.listeners.retry(now)
