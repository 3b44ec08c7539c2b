"""The processes that make up Mail Manager on one machine, in the order in which they are started.

They are stopped the other way round: the ingress first, so that nothing new comes in, Redis last.
"""

import sys
from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings

from mailmanager.embedded_redis import redis_command


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`stop_seconds`: how long it may take from SIGTERM on before it is killed."""

    name: str
    command: list[str]
    stop_seconds: int = 15


def process_specs() -> list[ProcessSpec]:
    """All of them; Redis only where REDIS_URL names none."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "mailmanager"]
    worker = [*celery, "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:mailmanager.gunicorn"]
    specs = [
        # Provisioning waits for sockets, not for the processor, and never behind a heap of mail.
        ProcessSpec(
            "control",
            [*worker, "-n", "control@%h", "-Q", "control", "--pool", "threads", "--concurrency", "4"],
        ),
        ProcessSpec(
            "worker",
            [*worker, "-n", "mail@%h", "-Q", "mail", "--concurrency", str(settings.WORKER_PROCESSES)],
            stop_seconds=60,  # the batch under way
        ),
        ProcessSpec("beat", [*celery, "beat", "--pidfile", ""]),
        ProcessSpec("web", [*gunicorn, "mailmanager.wsgi"]),
        ProcessSpec("dns", [*manage, "rundns"]),
        ProcessSpec(
            "ingress",
            [*manage, "runingress", "--processes", str(settings.INGRESS_PROCESSES)],
            stop_seconds=settings.INGRESS_SHUTDOWN_SECONDS + 10,  # the transactions under way
        ),
    ]
    if settings.METRICS_ADDRESS:
        specs.append(ProcessSpec("metrics", [*manage, "runmetrics"]))
    if settings.REDIS_IS_EMBEDDED:
        specs.insert(0, ProcessSpec("redis", redis_command(settings.REDIS_SOCKET)))
    return specs


def chosen_specs(names: Collection[str]) -> list[ProcessSpec]:
    """Those with one of `names`, all of them without any. LookupError for a name that is none."""
    specs = process_specs()
    unknown = set(names) - {spec.name for spec in specs}
    if unknown:
        known = ", ".join(spec.name for spec in specs)
        raise LookupError(f"no process {', '.join(sorted(unknown))}; there are {known}")
    return [spec for spec in specs if not names or spec.name in names]
