"""What tables say in their cells: states, times and codes as the components write them.

A table of a hundred rows renders these hundreds of times, so they don't go through a template.
"""

from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.status import Look
from console.templatetags.console import ago, exact, icon, iso


def status_cell(look: Look) -> SafeString:
    """As `<c-status>`."""
    return format_html(
        '<span class="status status--{}">{}<span>{}</span></span>', look.tone, icon(look.icon), look.label
    )


def time_cell(at: datetime | None, *, is_exact: bool = False) -> SafeString | str:
    """As `<c-time>`."""
    if at is None:
        return "-"
    shown, hidden = (exact(at), ago(at)) if is_exact else (ago(at), exact(at))
    return format_html('<time class="time" datetime="{}" title="{}">{}</time>', iso(at), hidden, shown)


def code_cell(text: Any) -> SafeString | str:
    """An ID, an address or a name that is meant to be read letter by letter."""
    return format_html("<code>{}</code>", text) if text else "-"


def link_cell(label: Any, url: str) -> SafeString | str:
    return format_html('<a href="{}">{}</a>', url, label) if url else str(label)
