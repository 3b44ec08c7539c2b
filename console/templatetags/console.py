"""Tags and filters that the components are made of. Pages use the components."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.forms import BoundField
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console import navigation as table
from console.code import colour
from console.icons import ICONS
from core.units import format_size

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of console.icons, hidden from screen readers: a word always stands beside it."""
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        ICONS.get(name, ICONS["info"]),
    )


@register.simple_tag
def navigation(user: Any, current: str = "") -> Any:
    return table.links_for(getattr(user, "role", ""), current or "")


@register.filter
def passed_on(attrs: Any) -> SafeString:
    """What a component was given beyond its own attributes, escaped (`{{ attrs }}` of cotton is not)."""
    return flatatt(attrs.attrs_dict())


@register.simple_tag
def json_text(value: Any) -> str:
    return pretty_json(value)


@register.filter
def pretty_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def size(size_bytes: int | None) -> str:
    return "" if size_bytes is None else format_size(size_bytes)


@register.filter
def as_links(references: Iterable[Any]) -> list[tuple[str, str]]:
    """(name, url) pairs of references, which are that already or have `source_name` and `source_url`."""
    return [
        reference if isinstance(reference, tuple) else (reference.source_name, reference.source_url)
        for reference in references
    ]


@register.simple_tag
def colour_code(language: str, text: Any) -> SafeString:
    return colour(language, text)


# --- form fields ----------------------------------------------------------------------------------


@register.simple_tag
def control(field: BoundField, has_constraint: bool = False, has_description: bool = True) -> SafeString:
    """The field's control, tied to its description, constraint and errors; the first wrong one of a
    form has the focus."""
    described = [
        name
        for name, is_there in (
            (f"{field.auto_id}-errors", bool(field.errors)),
            (f"{field.auto_id}-description", bool(field.help_text) and has_description),
            (f"{field.auto_id}-constraint", has_constraint),
        )
        if is_there
    ]
    attrs: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if field.errors:
        attrs["aria-invalid"] = "true"
        attrs["autofocus"] = is_first_wrong(field)
    return field.as_widget(attrs=attrs)


def is_first_wrong(field: BoundField) -> bool:
    wrong = (name for name in field.form.fields if name in field.form.errors)
    return next(wrong, None) == field.name


@register.simple_tag
def tiles_of(field: BoundField) -> list[dict[str, Any]]:
    """The choices of a radio field, each with its sentence."""
    descriptions: Mapping[str, Any] = getattr(field.field.widget, "descriptions", {})
    chosen = str(field.value() if field.value() is not None else "")
    choices: Iterable[tuple[Any, Any]] = getattr(field.field, "choices", [])
    return [
        {
            "value": value,
            "label": label,
            "description": descriptions.get(value, ""),
            "id": f"{field.auto_id}_{index}",
            "is_chosen": str(value) == chosen,
            "has_focus": index == 0 and bool(field.errors) and is_first_wrong(field),
        }
        for index, (value, label) in enumerate(choices)
    ]


# --- times ----------------------------------------------------------------------------------------

JUST_NOW_SECONDS = 10
FAR_OFF_SECONDS = 30 * 24 * 3600


@register.filter
def ago(at: datetime | None) -> str:
    """`at` as a distance from now: “3 minutes ago”, “in 2 hours”; a date when it lies far off."""
    if at is None:
        return ""
    distance = timezone.now() - at
    seconds = int(abs(distance).total_seconds())
    if seconds < JUST_NOW_SECONDS:
        return _("now")
    if seconds >= FAR_OFF_SECONDS:
        return date_format(timezone.localtime(at), "DATE_FORMAT")
    unit_seconds, words = next(unit for unit in _UNITS if seconds >= unit[0])
    return words(seconds // unit_seconds, distance >= timedelta(0))


def _seconds(count: int, is_past: bool) -> str:
    if is_past:
        return ngettext("%(count)d second ago", "%(count)d seconds ago", count) % {"count": count}
    return ngettext("in %(count)d second", "in %(count)d seconds", count) % {"count": count}


def _minutes(count: int, is_past: bool) -> str:
    if is_past:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", count) % {"count": count}
    return ngettext("in %(count)d minute", "in %(count)d minutes", count) % {"count": count}


def _hours(count: int, is_past: bool) -> str:
    if is_past:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", count) % {"count": count}
    return ngettext("in %(count)d hour", "in %(count)d hours", count) % {"count": count}


def _days(count: int, is_past: bool) -> str:
    if is_past:
        return ngettext("%(count)d day ago", "%(count)d days ago", count) % {"count": count}
    return ngettext("in %(count)d day", "in %(count)d days", count) % {"count": count}


# A sentence for each unit and direction: languages differ in where the number stands.
_UNITS: tuple[tuple[int, Callable[[int, bool], str]], ...] = (
    (24 * 3600, _days),
    (3600, _hours),
    (60, _minutes),
    (1, _seconds),
)


@register.filter
def iso(at: datetime | None) -> str:
    return timezone.localtime(at).isoformat(timespec="milliseconds") if at else ""


@register.filter
def exact(at: datetime | None) -> str:
    """The exact time in the reader's zone, with the zone: `2026-03-01 14:05:09 JST`."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z") if at else ""
