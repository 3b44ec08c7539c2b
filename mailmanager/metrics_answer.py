"""The answer at /metrics, of web and of `runmetrics`."""

from collections.abc import Iterable
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailflow.depth import depth
from metrics.exposition import exposition

log = structlog.get_logger()


class SpoolCollector(Collector):
    """Asks the spool's database; where that is away the other metrics come without these."""

    def describe(self) -> Iterable[Metric]:
        return list(_families())

    def collect(self) -> Iterable[Metric]:
        now = datetime.now(UTC)
        try:
            found = depth(now)
        except (DatabaseError, InterfaceError) as error:
            log.warning("spool_depth_unknown", error=str(error))
            return []
        messages, oldest = _families()
        messages.add_metric(["waiting"], found.waiting)
        messages.add_metric(["retrying"], found.retrying)
        messages.add_metric(["held"], found.held)
        oldest.add_metric([], found.oldest_seconds(now))
        return [messages, oldest]


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "mailmanager_spool_messages",
            "Messages in the spool: waiting, retrying later, held for a person",
            labels=["state"],
        ),
        GaugeMetricFamily(
            "mailmanager_spool_oldest_seconds", "Age of the oldest message in the spool that is not held"
        ),
    )


def answer() -> bytes:
    close_old_connections()
    return exposition(SpoolCollector())
