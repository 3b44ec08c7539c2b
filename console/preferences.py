"""What a reader prefers: theme and time zone, in cookies, so that they hold before signing in too."""

import zoneinfo
from collections.abc import Callable
from datetime import UTC, tzinfo
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"
ZONE_COOKIE = "time_zone"  # chosen
GUESSED_ZONE_COOKIE = "guessed_time_zone"  # what the browser says (static/js/zone.js)
COOKIE_SECONDS = 365 * 24 * 3600


def theme_of(request: HttpRequest) -> str:
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    return theme if theme in THEMES else "auto"


@cache
def zone_names() -> tuple[str, ...]:
    """Zones to choose from, sorted: places, without the aliases of former times."""
    return tuple(
        sorted(name for name in zoneinfo.available_timezones() if "/" in name and "Etc/" not in name)
    )


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def zone_of(request: HttpRequest) -> tzinfo:
    """The reader's zone: the chosen one, else the browser's, else UTC."""
    for cookie in (ZONE_COOKIE, GUESSED_ZONE_COOKIE):
        name = request.COOKIES.get(cookie, "")
        if name in _known_zones():  # also keeps a hostile name from the file system
            return zoneinfo.ZoneInfo(name)
    return UTC


class TimeZoneMiddleware:
    """Times are shown in the reader's zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(zone_of(request)):
            return self.get_response(request)
