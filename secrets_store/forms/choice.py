"""Choosing a secret in the form of what reads it: “Secret ARN”, “Refresh list”, “Create new”.

The template `secrets_store/_secret_choice.html` shows the field with both; “Refresh list” is a submit
button (REFRESH) that comes back with the form as it was, and with htmx it fetches the list alone.
"""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from secrets_store.models import Secret

REFRESH = "_refresh"


class SecretChoiceField(forms.ChoiceField):
    """An ARN, "" for none. The list is of now, by name; the chosen one stays in it if it is gone."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", gettext_lazy("Secret ARN"))
        options.setdefault("required", False)
        super().__init__(choices=secret_choices, **options)

    def valid_value(self, value: str) -> bool:
        """Whether there is such a secret, and what is wrong with it, the service says in its own words."""
        return True


def secret_choices() -> list[tuple[str, str]]:
    secrets = Secret.objects.filter(deletion_at__isnull=True).only("name", "arn_suffix")
    return [("", _("Choose a secret")), *((secret.arn, secret.arn) for secret in secrets)]


def is_refresh(request: HttpRequest) -> bool:
    """Whether the form was posted to fetch the list anew, not to be saved."""
    return request.method == "POST" and REFRESH in request.POST


def shown_again(form: forms.Form) -> forms.Form:
    """The bound form as it was typed, without complaints: it was not meant to be saved yet."""
    form.full_clean()
    form.errors.clear()
    return form
