"""The fields of the pages of an address list."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ConsoleForm, TagsField
from core.errors import Invalid, Problem

_NO_HELP = {"autocomplete": "off", "spellcheck": "false"}


class LinesField(forms.CharField):
    """Texts, one a line; empty lines are none."""

    widget = forms.Textarea(attrs={**_NO_HELP, "rows": 8, "placeholder": "user@example.com"})

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


def named_by_text(error: Invalid, path: str, texts: Sequence[str]) -> Invalid:
    """The same problems, those of `path[i]` with the text that they are about, all at `path`."""
    place = re.compile(rf"{re.escape(path)}\[(\d+)\]")

    def moved(problem: Problem) -> Problem:
        match = place.fullmatch(problem.path)
        text = f"“{texts[int(match[1])][:80]}” {problem.message}" if match else problem.message
        return Problem(path if match else problem.path, text)

    return Invalid(map(moved, error.problems))


class NewListForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), widget=forms.TextInput(attrs=_NO_HELP))
    members = LinesField(
        label=_("Addresses"),
        required=False,
        help_text=_("One a line: an address, a domain, or a pattern with one *."),
    )
    file = forms.FileField(
        label=_("File"),
        required=False,
        help_text=_("Any number of addresses as CSV or JSON; they are imported after the list was created."),
        widget=forms.FileInput(attrs={"accept": ".csv,.json,text/csv,application/json"}),
    )
    tags = TagsField()


class AddForm(ConsoleForm):
    addresses = LinesField(
        label=_("Addresses"), help_text=_("One a line: an address, a domain, or a pattern with one *.")
    )


class UploadForm(ConsoleForm):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV with a header line “address”, or JSON."),
        widget=forms.FileInput(attrs={"accept": ".csv,.json,text/csv,application/json"}),
    )


class PrefixForm(forms.Form):
    """Which members the table shows."""

    begins = forms.CharField(
        label=_("Begins with"), required=False, max_length=320, widget=forms.TextInput(attrs=_NO_HELP)
    )


class AskForm(ConsoleForm):
    address = forms.CharField(
        label=_("Address"),
        max_length=320,
        widget=forms.TextInput(attrs={**_NO_HELP, "placeholder": "user@example.com"}),
    )
