"""Which configuration version each ingress process works with, told through Redis.

A key for each process, that expires when the process no longer renews it. Lost with Redis, and not
missed: who waits for a version then goes by what the probe sees.
"""

import os
import socket
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.exceptions import RedisError

log = structlog.get_logger()

REPORT_SECONDS = 1.5
_EXPIRES_AFTER_SECONDS = 5  # three reports lost: the process is gone
_PREFIX = "mailmanager:applied:"
_OPTIONS: Any = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}


def report(version: int | None) -> None:
    """This process works with `version` (None: with none yet). Blocks: from a loop call it in a thread,
    for redis-py's own coroutines lose a cancellation now and then."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **_OPTIONS) as client:
            client.set(_own_key(), -1 if version is None else version, ex=_EXPIRES_AFTER_SECONDS)
    except (RedisError, OSError) as error:
        log.debug("applied_version_not_reported", error=str(error))


def withdraw() -> None:
    """This process ends: nobody is to wait for it. Blocks."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **_OPTIONS) as client:
            client.delete(_own_key())
    except (RedisError, OSError) as error:
        log.debug("applied_version_not_withdrawn", error=str(error))


def is_applied(version: int) -> bool:
    """Whether every ingress process that lives has applied `version` or a later one.

    True where none is known: no ingress runs, or Redis does not answer.
    """
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **_OPTIONS) as client:
            keys = list(client.scan_iter(match=f"{_PREFIX}*", count=1000))
            reported = client.mget(keys) if keys else []
    except (RedisError, OSError) as error:
        log.warning("applied_versions_unknown", error=str(error))
        return True
    return all(int(number) >= version for number in reported if number is not None)


def _own_key() -> str:
    return f"{_PREFIX}{socket.gethostname()}:{os.getpid()}"
