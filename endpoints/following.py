"""Following the configuration from an event loop: looked at after each notice, and each second."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import django.db
import redis.asyncio
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from resources.services import CONFIGURATION_CHANNEL

log = structlog.get_logger()

POLL_SECONDS = 1.0
RECONNECT_SECONDS = 1.0
CANCEL_AGAIN_SECONDS = 5.0

T = TypeVar("T")


class Follower:
    """Awaits `refresh()` at the start, after each notice of a change through Redis, and each second.

    Never twice at once. `refresh` asks the database in `in_thread`; what it raises is logged, and the
    next look is as if nothing had been. It has to find out itself whether anything changed.
    """

    def __init__(self, refresh: Callable[[], Awaitable[None]]) -> None:
        self._refresh = refresh
        self._is_database_away = False
        self._notice = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # Database connections belong to their thread: one thread, so one connection.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="configuration")

    async def start(self, *beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """The first look is done when it returns. `beside`: what else runs until `close`."""
        await self._look()
        self._tasks = {asyncio.create_task(work()) for work in (self._follow, self._listen, *beside)}

    async def close(self) -> None:
        pending = self._tasks
        while pending:  # again, because redis-py loses a cancellation now and then
            for task in pending:
                task.cancel()
            _done, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
        await self.in_thread(django.db.connections.close_all)
        self._thread.shutdown(wait=False)

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._notice.wait()
            self._notice.clear()
            await self._look()

    async def _look(self) -> None:
        try:
            await self.in_thread(django.db.close_old_connections)
            await self._refresh()
        except django.db.Error as error:
            if not self._is_database_away:
                log.warning("configuration_unreachable", error=str(error))
            self._is_database_away = True
        except Exception:  # the edge of this task: what fails now may succeed in a second
            log.exception("configuration_not_applied")
        else:
            self._is_database_away = False

    async def _listen(self) -> None:
        """Notices of a change. Redis away: again and again; the polling does without."""
        while True:
            try:
                client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=None)
                async with client, client.pubsub() as heard:
                    await heard.subscribe(CONFIGURATION_CHANNEL)
                    async for _message in heard.listen():  # the subscription's own answer comes first
                        self._notice.set()
            except (RedisError, OSError) as error:
                log.info("configuration_notices_lost", error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)
