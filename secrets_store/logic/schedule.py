"""When a secret is rotated next: `rate(30 days)` or `cron(0 8 1 * ? *)`, in UTC.

Source: Secrets Manager User Guide, “Schedule expressions”: a rate in hours or days, or six cron
fields (minutes hours day-of-month month day-of-week year), not more often than every four hours.
"""

import re
from datetime import UTC, datetime, timedelta

from pyawscron import AWSCron

MIN_INTERVAL = timedelta(hours=4)
MAX_INTERVAL = timedelta(days=999)

_RATE = re.compile(r"rate\(\s*([0-9]{1,5})\s+(hour|hours|day|days)\s*\)")
_CRON = re.compile(r"cron\(([^()]{1,200})\)")
# One field: numbers, names, and what joins them; AWSCron itself checks nothing.
_FIELD = re.compile(r"[0-9A-Za-z*?,/#-]{1,64}")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


class BadSchedule(ValueError):
    """`str(self)` says what would be right."""


def next_rotation(schedule: str, after: datetime) -> datetime:
    """The first time later than `after` (aware). BadSchedule where the text is no schedule."""
    if rate := _RATE.fullmatch(schedule.strip()):
        return after + _interval(rate)
    if cron := _CRON.fullmatch(schedule.strip()):
        return _next_of_cron(cron[1].split(), after)
    raise BadSchedule('must be like "rate(30 days)" or "cron(0 8 1 * ? *)"')


def _interval(rate: re.Match[str]) -> timedelta:
    number = int(rate[1])
    interval = timedelta(hours=number) if rate[2].startswith("hour") else timedelta(days=number)
    if not MIN_INTERVAL <= interval <= MAX_INTERVAL:
        raise BadSchedule("must be at least 4 hours and at most 999 days")
    return interval


def _next_of_cron(fields: list[str], after: datetime) -> datetime:
    if len(fields) != 6:
        raise BadSchedule("cron(…) has six fields: minutes hours day-of-month month day-of-week year")
    if not all(map(_FIELD.fullmatch, fields)):
        raise BadSchedule("a field of cron(…) has numbers, names and * ? , - / # only")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise BadSchedule("one of day-of-month and day-of-week must be ?, not both")
    for field, (least, most) in zip(fields, _BOUNDS, strict=True):
        if any(not least <= int(number) <= most for number in re.findall(r"(?<![/#L-])\b\d+", field)):
            raise BadSchedule(f"{field} is out of bounds ({least} to {most})")
        if re.search(r"/0*(?!\d)", field):
            raise BadSchedule(f"{field}: a step is at least 1")
    if fields[0] not in map(str, range(60)):
        raise BadSchedule("the minutes must be one number: at most one rotation in four hours")
    try:
        moment = after.astimezone(UTC)
        first: datetime | None = AWSCron(" ".join(fields)).occurrence(moment).next()
        if first is None:
            raise BadSchedule("no time to come fits this schedule")
        second: datetime | None = AWSCron(" ".join(fields)).occurrence(first).next()
    except BadSchedule:
        raise
    except Exception as error:  # AWSCron meets a bad field with whatever comes up
        raise BadSchedule("is no cron expression of six fields") from error
    if second is not None and second - first < MIN_INTERVAL:
        raise BadSchedule("must not be more often than every four hours")
    return first
