"""What the shell needs on every page."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from console import preferences


def shell(request: HttpRequest) -> dict[str, Any]:
    """`theme`: auto, light or dark. `time_zone`: the name of the reader's zone."""
    return {
        "theme": preferences.theme_of(request),
        "time_zone": timezone.get_current_timezone_name(),
        "chosen_time_zone": request.COOKIES.get(preferences.ZONE_COOKIE, ""),
    }
