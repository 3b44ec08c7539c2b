"""Whom a new access key is for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from access.actor import Actor, Permission
from access.models import User
from console.forms import ConsoleForm


class NewAccessKeyForm(ConsoleForm):
    """People make keys for themselves; administrators for anybody."""

    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label=_("User"),
        help_text=_("Requests that are signed with the key act as this person."),
        to_field_name="username",
        empty_label=None,
    )

    def __init__(self, actor: Actor, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["user"].initial = actor.name
        if not actor.may(Permission.ADMINISTER):
            del self.fields["user"]

    def user_name(self, actor: Actor) -> str:
        user = self.cleaned_data.get("user")
        return user.get_username() if user else actor.name
