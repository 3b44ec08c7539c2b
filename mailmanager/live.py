"""What the live page shows: told by the ingress processes of all nodes, through Redis."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.units import format_size
from endpoints.models import IngressEndpoint
from ingress import reports
from ingress.logic.limits import LimitKind
from ingress.reports import ACCEPTED, BUCKET_SECONDS, Report
from mailmanager.dashboard import Bar

CHART_BUCKETS = 60  # five minutes

# By the reply's codes; others are shown by their codes alone.
REASONS: dict[str, str | Promise] = {
    "421 4.3.2": _("Too many connections, endpoint closed, or shutting down"),
    "421 4.4.2": _("Idle for too long, or too slow"),
    "421 4.7.0": _("Too many connections or errors of one address"),
    "450 4.7.1": _("Too much mail from one address, or for one endpoint"),
    "451 4.3.0": _("Fault of ours; the log tells of it"),
    "451 4.3.2": _("Endpoint not ready yet"),
    "452 4.3.1": _("Storage full, or too much in memory"),
    "452 4.5.3": _("Too many recipients"),
    "550 5.6.0": _("NUL in the message"),
    "550 5.6.11": _("Bare CR or LF"),
    "550 5.7.1": _("Traffic policy"),
    "552 5.3.4": _("Message too large"),
    "554 5.4.6": _("Mail loop"),
}
LIMITS: dict[LimitKind, str | Promise] = {
    LimitKind.ALL_CONNECTIONS: _("Connections of a process"),
    LimitKind.OF_ENDPOINT: _("Connections to an endpoint"),
    LimitKind.ENDPOINT_MESSAGES: _("Messages for an endpoint in a minute"),
    LimitKind.ENDPOINT_RECIPIENTS: _("Recipients for an endpoint in a minute"),
    LimitKind.ENDPOINT_BYTES: _("Bytes for an endpoint in a minute"),
    LimitKind.ENDPOINT_ERRORS: _("Errors at an endpoint in a minute"),
    LimitKind.ENDPOINT_FAILED_AUTH: _("Failed sign-ins to an endpoint in ten minutes"),
    LimitKind.OF_ADDRESS: _("Connections from an address"),
    LimitKind.NEW: _("New connections from an address in a minute"),
    LimitKind.ADDRESS_MESSAGES: _("Messages from an address in a minute"),
    LimitKind.ADDRESS_RECIPIENTS: _("Recipients from an address in a minute"),
    LimitKind.ADDRESS_BYTES: _("Bytes from an address in a minute"),
    LimitKind.ADDRESS_ERRORS: _("Errors of an address in a minute"),
    LimitKind.FAILED_AUTH: _("Failed sign-ins from an address in ten minutes"),
}
_OF_ENDPOINTS = {kind for kind in LimitKind if kind.startswith("endpoint_")}
_OF_BYTES = {LimitKind.ENDPOINT_BYTES, LimitKind.ADDRESS_BYTES}


@dataclass(frozen=True, slots=True)
class Reason:
    codes: str
    words: str | Promise
    count: int


@dataclass(frozen=True, slots=True)
class LimitedRow:
    """`who`: an address, or an endpoint's name, or "" for a whole process. `endpoint_id` "" but for an
    endpoint that there is. `until_at` None: until connections end."""

    who: str
    endpoint_id: str
    limit: str | Promise
    count: str
    refused: int
    since_at: datetime
    until_at: datetime | None
    process: str


@dataclass(frozen=True, slots=True)
class View:
    """`bars`: the last five minutes, oldest first. Latencies: the slowest process's."""

    bars: Sequence[Bar]
    reasons: Sequence[Reason]
    reports: Sequence[Report]
    limited: Sequence[LimitedRow]
    sessions: int
    messages_per_second: float
    commit_p50_ms: float | None
    commit_p99_ms: float | None
    accepted: int
    refused: int


def look(now: datetime) -> View | None:
    """None where Redis does not answer."""
    live = reports.read(now.timestamp(), CHART_BUCKETS)
    if live is None:
        return None
    bars = _bars(live.buckets, now)
    return View(
        bars=bars,
        reasons=_reasons(live.buckets),
        reports=live.reports,
        limited=_limited(live.reports),
        sessions=sum(one.sessions for one in live.reports),
        messages_per_second=sum(one.messages_per_second for one in live.reports),
        commit_p50_ms=_slowest([one.commit_p50_ms for one in live.reports]),
        commit_p99_ms=_slowest([one.commit_p99_ms for one in live.reports]),
        accepted=sum(bar.accepted for bar in bars),
        refused=sum(bar.refused for bar in bars),
    )


def _bars(buckets: Sequence[Mapping[str, int]], now: datetime) -> list[Bar]:
    ends_at = now.timestamp() // BUCKET_SECONDS * BUCKET_SECONDS
    first = datetime.fromtimestamp(ends_at, UTC) - timedelta(seconds=BUCKET_SECONDS * len(buckets))
    most = max((sum(bucket.values()) for bucket in buckets), default=0) or 1
    bars = []
    for index, bucket in enumerate(buckets):
        accepted = bucket.get(ACCEPTED, 0)
        refused = sum(bucket.values()) - accepted
        begins_at = first + timedelta(seconds=BUCKET_SECONDS * index)
        bars.append(
            Bar(begins_at, accepted, refused, index, 100 * accepted / most, 100 * refused / most),
        )
    return bars


def _reasons(buckets: Sequence[Mapping[str, int]]) -> list[Reason]:
    counted: Counter[str] = Counter()
    for bucket in buckets:
        counted.update(bucket)
    del counted[ACCEPTED]
    return [Reason(codes, REASONS.get(codes, ""), count) for codes, count in counted.most_common()]


def _limited(told: Sequence[Report]) -> list[LimitedRow]:
    names = dict(
        IngressEndpoint.objects.filter(
            pk__in={one.key for report in told for one in report.limited if one.kind in _OF_ENDPOINTS}
        ).values_list("pk", "name")
    )
    return [
        LimitedRow(
            who=names.get(one.key, one.key),
            endpoint_id=one.key if one.key in names else "",
            limit=LIMITS[one.kind],
            count=format_size(one.count) if one.kind in _OF_BYTES else intcomma(one.count),
            refused=one.refused,
            since_at=datetime.fromtimestamp(one.since_at, UTC),
            until_at=None if one.until_at is None else datetime.fromtimestamp(one.until_at, UTC),
            process=f"{report.node} · {report.process_id}",
        )
        for report in told
        for one in report.limited
    ]


def _slowest(latencies: Sequence[float | None]) -> float | None:
    return max((one for one in latencies if one is not None), default=None)
