"""How much is in the spool: one query, whatever is in it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from core.identifiers import message_time
from mailflow.models import SpoolMessage


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages that got their 250 and are not done with: all, those for a later attempt, those held for a
    person. `oldest_at`: of those not held, None without one."""

    all: int
    retrying: int
    held: int
    oldest_at: datetime | None

    @property
    def waiting(self) -> int:
        """New, or in a worker's hands."""
        return self.all - self.retrying - self.held

    def oldest_seconds(self, now: datetime) -> float:
        """0 without one."""
        return max(0.0, (now - self.oldest_at).total_seconds()) if self.oldest_at else 0.0


def depth(now: datetime) -> Depth:
    is_leased = Q(leased_until__gt=now)  # a worker is at it; the next attempt is the end of its lease
    is_held = ~Q(hold_reason="")
    counted = SpoolMessage.objects.aggregate(
        all=Count("pk"),
        held=Count("pk", filter=is_held),
        retrying=Count("pk", filter=Q(next_attempt_at__gt=now) & ~is_leased & ~is_held),
        oldest=Min("pk", filter=~is_held),  # message IDs sort by time
    )
    oldest = counted.pop("oldest")
    return Depth(**counted, oldest_at=message_time(oldest) if oldest else None)
