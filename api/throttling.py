"""How many requests a second an access key may make."""

import threading

import redis
import structlog
from django.conf import settings

from api.errors import NAMES, ApiError

log = structlog.get_logger()

_TIMEOUT_SECONDS = 0.2
_connections: dict[str, redis.Redis] = {}
_making = threading.Lock()


def count(service: str, access_key_id: str, second: int) -> None:
    """ApiError when the key has used up its second. With Redis away nobody is throttled."""
    limit = settings.API_REQUESTS_PER_SECOND
    name = f"mailmanager:api:{access_key_id}:{second}"
    try:
        with _client().pipeline(transaction=False) as pipeline:
            pipeline.incr(name)
            pipeline.expire(name, 2)
            used, _ = pipeline.execute()
    except redis.RedisError as error:
        log.warning("api_throttle_unavailable", error=type(error).__name__)
        return
    if used > limit:
        raise ApiError(NAMES[service].throttled, "Rate exceeded")


def _client() -> redis.Redis:
    """One pool for each address in a process."""
    url = settings.REDIS_URL
    # Without the lock two first requests make two; the one that is forgotten closes its connections
    # while a request still reads from one.
    with _making:
        if url not in _connections:
            _connections[url] = redis.Redis.from_url(
                url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
            )
        return _connections[url]
