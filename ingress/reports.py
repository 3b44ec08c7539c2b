"""What ingress processes tell the console's live page, through Redis; lost with it, and not missed.

A key for each process, that expires when the process no longer renews it, and a hash for each five
seconds, that all of them add to: `accepted`, and the codes of each refusal (`550 5.7.1`).
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis
from django.conf import settings
from redis.exceptions import RedisError

from ingress.logic.limits import Limited, LimitKind

BUCKET_SECONDS = 5
ACCEPTED = "accepted"
_EXPIRES_AFTER_SECONDS = 5  # so many reports lost: the process is gone
_BUCKET_EXPIRES_AFTER_SECONDS = 900
_PROCESS = "mailmanager:live:process:"
_BUCKET = "mailmanager:live:bucket:"
_OPTIONS: Any = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}

RedisClient = redis.Redis
Failures = (RedisError, OSError)


@dataclass(frozen=True, slots=True)
class Report:
    """One process, now. Commit latencies: of the last ten seconds, None without a commit."""

    node: str
    process_id: int
    sessions: int
    messages_per_second: float
    commit_p50_ms: float | None
    commit_p99_ms: float | None
    budget_used_bytes: int
    budget_limit_bytes: int
    limited: tuple[Limited, ...] = ()

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | bytes) -> "Report":
        document = json.loads(text)
        limited = tuple(Limited(**{**one, "kind": LimitKind(one["kind"])}) for one in document.pop("limited"))
        return cls(**document, limited=limited)


@dataclass(frozen=True, slots=True)
class Live:
    """`buckets`: of the time asked for, oldest first, each what was counted in five seconds."""

    reports: Sequence[Report]
    buckets: Sequence[Mapping[str, int]]


def connect() -> RedisClient:
    return redis.Redis.from_url(settings.REDIS_URL, **_OPTIONS)


def publish(client: RedisClient, report: Report, counted: Mapping[str, int]) -> None:
    """`counted`: since the last time, names as in a bucket. Blocks; raises `Failures`."""
    pipeline = client.pipeline(transaction=False)
    pipeline.set(_key_of(report.node, report.process_id), report.to_text(), ex=_EXPIRES_AFTER_SECONDS)
    if counted:
        bucket = f"{_BUCKET}{_number_of(time.time())}"
        for name, count in counted.items():
            pipeline.hincrby(bucket, name, count)
        pipeline.expire(bucket, _BUCKET_EXPIRES_AFTER_SECONDS)
    pipeline.execute()


def withdraw(client: RedisClient, node: str, process_id: int) -> None:
    """This process ends. Blocks; raises `Failures`."""
    client.delete(_key_of(node, process_id))


def read(now: float, buckets: int) -> Live | None:
    """The processes that live, and the last `buckets` whole five seconds before `now` (as time.time);
    None where Redis does not answer."""
    last = _number_of(now)
    numbers = range(last - buckets, last)
    try:
        with connect() as client:
            keys = sorted(client.scan_iter(match=f"{_PROCESS}*", count=1000))
            texts = client.mget(keys) if keys else []
            pipeline = client.pipeline(transaction=False)
            for number in numbers:
                pipeline.hgetall(f"{_BUCKET}{number}")
            counted = pipeline.execute()
    except Failures:
        return None
    return Live(list(_reports(texts)), [_counts(one) for one in counted])


def _reports(texts: Iterable[bytes | None]) -> Iterable[Report]:
    for text in texts:
        try:
            if text is not None:
                yield Report.from_text(text)
        except (ValueError, KeyError, TypeError):
            continue  # of another version, during an upgrade


def _counts(stored: Mapping[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(count) for name, count in stored.items()}


def _number_of(at: float) -> int:
    return int(at // BUCKET_SECONDS)


def _key_of(node: str, process_id: int) -> str:
    return f"{_PROCESS}{node}:{process_id}"
