"""When a delivery that failed for now is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_LEAST_PUT_OFF = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """`first` after the first attempt, doubling, at most `longest`; over when `give_up_after` has passed.

    RFC 5321 §4.5.4.1 wants 30 minutes between attempts and 4 to 5 days before giving up, but two
    attempts in the first hour, and leaves room for cleverer ways: most failures pass soon (greylisting,
    a restart), so ours begin at 5 minutes, and are at the RFC's interval from the fourth attempt on.
    """

    first: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(hours=4)
    give_up_after: timedelta = timedelta(days=5)

    def delay(self, attempt: int) -> timedelta:
        """Wait after attempt number `attempt` (1 = first; ValueError below)."""
        if attempt < 1:
            raise ValueError(f"attempts count from 1, not {attempt}")
        doublings = min(attempt - 1, 32)  # beyond it every schedule is at its longest, or absurd
        doubled: timedelta = self.first * 2**doublings
        return min(doubled, self.longest)

    def next_attempt_at(self, *, first_attempt_at: datetime, attempt: int, now: datetime) -> datetime | None:
        """When to try again after attempt number `attempt` failed at `now`; None: never, give up.

        The last attempt falls on the end of the time, not before it.
        """
        ends_at = first_attempt_at + self.give_up_after
        if now >= ends_at:
            return None
        return min(now + self.delay(attempt), ends_at)

    def put_off(self, age: timedelta) -> timedelta:
        """Wait where nothing was tried, for a message of that age: as long again as it waited, so that a
        heap of mail for a server that is stuck is looked at seldom; at most `first`, if that is longer
        than the least."""
        return max(_LEAST_PUT_OFF, min(age, self.first))
