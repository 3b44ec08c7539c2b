"""Forms of people: signing in, passwords, who may do what."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.utils.translation import gettext_lazy as _

from access.actor import PersonRole
from access.models import User
from console.forms import ConsoleForm

ROLE_DESCRIPTIONS = {
    PersonRole.ADMINISTRATOR.value: _("Everything, people and secrets included."),
    PersonRole.OPERATOR.value: _("Changes endpoints, policies, rule sets and relays."),
    PersonRole.VIEWER.value: _("Looks at configuration and message trace."),
}


class SignInForm(AuthenticationForm):
    username = forms.CharField(
        label=_("User name"),
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class PasswordForm(PasswordChangeForm):
    """Asks for the present password too: a signed-in browser left alone is no permission."""


class RoleSelect(forms.RadioSelect):
    descriptions = ROLE_DESCRIPTIONS


class PersonForm(ConsoleForm):
    role = forms.ChoiceField(label=_("Role"), choices=User.ROLE_CHOICES, widget=RoleSelect)


class NewPasswordForm(ConsoleForm):
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        help_text=_("At least 12 characters. Hand it over in a safe way; the person can change it."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class NewPersonForm(PersonForm):
    name = forms.CharField(
        label=_("User name"),
        max_length=150,
        help_text=_("What the person signs in with, and what the audit log says."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=_("First password"),
        strip=False,
        help_text=_("At least 12 characters. Hand it over in a safe way; the person can change it."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    field_order = ["name", "password", "role"]

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("initial", {"role": PersonRole.VIEWER.value})
        super().__init__(*args, **options)
