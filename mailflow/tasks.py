"""Celery's doors to the mail flow. Each may run twice, or not at all: rows are the truth."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings

from mailflow import lease, pipeline
from mailflow.actions import dsn
from mailflow.actions.table import RUNNERS
from mailflow.bounce import DSN
from mailflow.models import MessageTrace, Outcome

log = structlog.get_logger()

# Well below CELERY_TASK_TIME_LIMIT, with room for deliveries that are under way then.
_DRAIN_SECONDS = 300.0
_EXPIRE_BATCH = 1_000
# More mail follows mostly: a drain that has ended would connect to its relays anew.
_LINGER_SECONDS = 0.25

# Made before the pool forks, so that its processes see what the main process is told.
_stopping = multiprocessing.Event()


@worker_shutting_down.connect
def _stop(**_signal: Any) -> None:
    """SIGTERM: no more mail is taken; what is in hand is finished."""
    _stopping.set()


@shared_task
def process() -> None:
    """Take mail from the spool while there is any."""
    pipeline.drain(
        {**RUNNERS, DSN: dsn.run},
        seconds=_DRAIN_SECONDS,
        is_stopping=_stopping.is_set,
        linger_seconds=_LINGER_SECONDS,
    )


@shared_task
def sweep() -> None:
    """What no notice tells of: retries that are due, leases of the dead, notices that got lost."""
    if lease.is_anything_due(datetime.now(UTC)):
        process()


@shared_task
def expire_traces() -> None:
    """Forget traces older than TRACE_RETENTION_DAYS, but not of what is still under way."""
    before = datetime.now(UTC) - timedelta(days=settings.TRACE_RETENTION_DAYS)
    under_way = [Outcome.UNDER_WAY, Outcome.HELD]
    old = MessageTrace.objects.filter(received_at__lt=before).exclude(outcome__in=under_way)
    while ids := list(old.order_by("received_at").values_list("pk", flat=True)[:_EXPIRE_BATCH]):
        count, _ = MessageTrace.objects.filter(pk__in=ids).delete()
        log.info("traces_expired", rows=count)
