"""What the pipeline tells the metrics, after it was written down."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from mailflow.advance import Advance, Attempted
from mailflow.work import Work, is_over
from metrics.registry import BOUNCES, DELIVERIES, PIPELINE_SECONDS


def count_attempts(attempts: Sequence[Attempted], advances: Sequence[Advance], now: datetime) -> None:
    """`attempts` as they were made, `advances` what they came to."""
    for attempt in attempts:
        kind = attempt.work.states[attempt.position].delivery.kind
        for result in attempt.results:
            DELIVERIES.labels(kind, result.finish.value).inc()
    bounces = sum(advance.bounce is not None for advance in advances)
    if bounces:
        BOUNCES.inc(bounces)
    count_over((advance.work for advance in advances if is_over(advance.after)), now)


def count_over(works: Iterable[Work], now: datetime) -> None:
    """Nothing more is to be done for them."""
    for work in works:
        PIPELINE_SECONDS.observe(max(0.0, (now - work.envelope.received_at).total_seconds()))
