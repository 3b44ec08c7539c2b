"""What the dashboard counts: bounded work, however much mail there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q
from django.db.models.functions import TruncHour

from console.status import Look
from endpoints import words as endpoint_words
from endpoints.models import IngressEndpoint
from mailflow.looks import OUTCOMES
from mailflow.models import MessageTrace, Outcome
from policies.models import TrafficPolicy
from rulesets.models import RuleSet

SHOWN_ENDPOINTS = 10
SHOWN_MESSAGES = 8
NEWEST_TRACES = 200  # looked through for accepted messages: a flood of refusals can't slow the page
CHART_HOURS = 24
SETTLED_AFTER = timedelta(minutes=5)  # traces are written in bulk, so the hour before may still grow


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour of the chart. Heights are percent of the chart's; `accepted` stands on `refused`."""

    begins_at: datetime
    accepted: int
    refused: int
    x: int
    accepted_height: float
    refused_height: float

    @property
    def refused_y(self) -> float:
        return 100 - self.refused_height

    @property
    def accepted_y(self) -> float:
        return 100 - self.refused_height - self.accepted_height


# --- endpoints ------------------------------------------------------------------------------------


def endpoint_counts() -> list[tuple[Look, int]]:
    """How many endpoints are in each state that one is in."""
    counted = dict(IngressEndpoint.objects.order_by().values_list("status").annotate(Count("pk")))
    return [(look, counted[status]) for status, look in endpoint_words.LOOKS.items() if status in counted]


def first_endpoints() -> list[tuple[IngressEndpoint, Look]]:
    endpoints = IngressEndpoint.objects.select_related("traffic_policy", "rule_set").order_by("name")
    return [(endpoint, endpoint_words.LOOKS[endpoint.status]) for endpoint in endpoints[:SHOWN_ENDPOINTS]]


def count_without_secret() -> int:
    """Endpoints that could not read their secret when that was last looked at: AUTH fails there."""
    return IngressEndpoint.objects.exclude(secret_flaws="").count()


def missing_prerequisites() -> dict[str, bool]:
    """What a first endpoint needs, and whether it is there."""
    return {"policy": TrafficPolicy.objects.exists(), "rule_set": RuleSet.objects.exists()}


# --- mail -----------------------------------------------------------------------------------------


def latest_messages() -> list[tuple[MessageTrace, Look]]:
    """The newest accepted messages among the newest traces."""
    traces = MessageTrace.objects.order_by("-id")[:NEWEST_TRACES]
    accepted = [trace for trace in traces if trace.outcome != Outcome.REFUSED]
    return [(trace, OUTCOMES[trace.outcome]) for trace in accepted[:SHOWN_MESSAGES]]


def latest_refusals() -> list[MessageTrace]:
    refused = MessageTrace.objects.filter(outcome=Outcome.REFUSED).order_by("-id")
    return list(refused.prefetch_related("recipients")[:SHOWN_MESSAGES])


def bars(now: datetime) -> list[Bar]:
    """The last 24 hours, oldest first."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=distance) for distance in reversed(range(CHART_HOURS))]
    counts = _counts_of(hours, now)
    most = max((sum(counts[hour]) for hour in hours), default=0) or 1
    return [
        Bar(hour, accepted, refused, index, 100 * accepted / most, 100 * refused / most)
        for index, hour in enumerate(hours)
        for accepted, refused in [counts[hour]]
    ]


def _counts_of(hours: Sequence[datetime], now: datetime) -> dict[datetime, tuple[int, int]]:
    """(accepted, refused) of each hour. Hours that are over are counted once and remembered."""
    keys = {hour: f"dashboard:{hour.timestamp():.0f}" for hour in hours}
    remembered: dict[str, Any] = cache.get_many(keys.values())
    counts = {hour: remembered[key] for hour, key in keys.items() if key in remembered}
    missing = [hour for hour in hours if hour not in counts]
    if missing:
        counted = _count_since(min(missing))
        counts.update({hour: counted.get(hour, (0, 0)) for hour in missing})
        settled = [hour for hour in missing if hour + timedelta(hours=1) + SETTLED_AFTER < now]
        cache.set_many({keys[hour]: counts[hour] for hour in settled}, timeout=(CHART_HOURS + 1) * 3600)
    return counts


def _count_since(begin: datetime) -> dict[datetime, tuple[int, int]]:
    rows = (
        MessageTrace.objects.filter(received_at__gte=begin)
        .order_by()
        .annotate(hour=TruncHour("received_at", tzinfo=begin.tzinfo))
        .values("hour")
        .annotate(all=Count("pk"), refused=Count("pk", filter=Q(outcome=Outcome.REFUSED)))
    )
    return {row["hour"]: (row["all"] - row["refused"], row["refused"]) for row in rows}
