"""What the pipeline tells the metrics, after it was written down."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from mailflow.advance import Advance, Attempted
from mailflow.work import Work, is_over
from metrics.registry import BOUNCES, DELIVERIES, PIPELINE_SECONDS


def count_attempts(attempts: Sequence[Attempted], advances: Sequence[Advance], now: datetime) -> None:
    """`attempts` as they were made, `advances` what they came to."""
    made = Counter(
        (state.delivery.kind, result.finish.value)
        for attempt in attempts
        if (state := attempt.work.states.get(attempt.position))
        for result in attempt.results
    )
    for (kind, finish), count in made.items():
        DELIVERIES.labels(kind, finish).inc(count)
    bounces = sum(advance.bounce is not None for advance in advances)
    if bounces:
        BOUNCES.inc(bounces)
    count_over((advance.work for advance in advances if is_over(advance.after)), now)


def count_over(works: Iterable[Work], now: datetime) -> None:
    """Nothing more is to be done for them."""
    for work in works:
        PIPELINE_SECONDS.observe(max(0.0, (now - work.envelope.received_at).total_seconds()))
