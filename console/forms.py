"""Forms of the console: they keep what was typed and say beside the field what is wrong."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import Conflict, Invalid, Problem, ServiceError
from core.units import format_size_exactly, parse_size


class ConsoleForm(forms.Form):
    """A form in front of a service's verb."""

    def add_service_error(self, error: ServiceError, fields: Mapping[str, str] | None = None) -> None:
        """Show what the service refused: beside the field that a problem's path names (`name`), or
        that `fields` maps it or its beginning to (`{"Rules": "document"}` takes `Rules[2].Name`),
        else above the form."""
        match error:
            case Invalid(problems=problems):
                found = problems
            case Conflict(path=path):
                found = (Problem(path, str(error)),)
            case _:
                found = (Problem("", str(error)),)
        for problem in found:
            name, message = self._place(problem, fields or {})
            self.add_error(name, message)

    def _place(self, problem: Problem, fields: Mapping[str, str]) -> tuple[str | None, str]:
        for path in _beginnings(problem.path):
            name = fields.get(path, path)
            if name in self.fields:
                rest = problem.path[len(path) :].lstrip(".")
                whole = path != problem.path and bool(rest)
                return name, str(problem) if whole else problem.message
        return None, str(problem)


def _beginnings(path: str) -> list[str]:
    """`Rules[2].Name` → itself, `Rules[2]`, `Rules`."""
    ends = [match.start() for match in re.finditer(r"[.\[]", path)]
    return [path, *(path[:end] for end in reversed(ends))]


class SizeField(forms.CharField):
    """A size as people write it (`25 MB`) to bytes; None where it may be left out and was."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 40)
        super().__init__(**options)

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_size(text)
        except ValueError as error:
            raise forms.ValidationError(_(str(error))) from error

    def prepare_value(self, value: Any) -> Any:
        return format_size_exactly(value) if isinstance(value, int) else value


class TagsWidget(forms.Widget):
    """Rows of key and value; `name_key` and `name_value`, once for each row."""

    template_name = "console/widgets/tags.html"
    spare_rows = 1

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        get = data.getlist if hasattr(data, "getlist") else lambda key: data.get(key, [])
        keys, values = get(f"{name}_key"), get(f"{name}_value")
        return list(zip(keys, [*values, *[""] * (len(keys) - len(values))], strict=False))

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}_key" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        pairs = list(value.items()) if isinstance(value, Mapping) else list(value or [])
        context["widget"]["rows"] = [pair for pair in pairs if any(pair)] + [("", "")] * self.spare_rows
        return context


class TagsField(forms.Field):
    """Tags as a dict. Rows without key and value are skipped; a key twice, or none, is said."""

    widget = TagsWidget

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("label", gettext_lazy("Tags"))
        super().__init__(**options)

    def clean(self, value: Any) -> dict[str, str]:
        tags: dict[str, str] = {}
        for key, text in value or []:
            if not key.strip() and not text.strip():
                continue
            if not key.strip():
                raise forms.ValidationError(_("Give the value “%(value)s” a key.") % {"value": text})
            if key.strip() in tags:
                raise forms.ValidationError(_("The key “%(key)s” is there twice.") % {"key": key.strip()})
            tags[key.strip()] = text.strip()
        return tags

    def has_changed(self, initial: Any, data: Any) -> bool:
        return dict(initial or {}) != {key: text for key, text in data or [] if key}
