"""Forms of the encryption keys' pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from access.models import User
from console.forms import ConsoleForm, TagsField
from secrets_store.services import keys


class ConfigureForm(ConsoleForm):
    """There is one kind of key here; the step says which, as the walk has it."""

    key_type = forms.ChoiceField(
        label=gettext_lazy("Key type"),
        choices=[("SYMMETRIC_DEFAULT", gettext_lazy("Symmetric"))],
        initial="SYMMETRIC_DEFAULT",
        widget=forms.RadioSelect,
    )
    usage = forms.ChoiceField(
        label=gettext_lazy("Key usage"),
        choices=[("ENCRYPT_DECRYPT", gettext_lazy("Encrypt and decrypt"))],
        initial="ENCRYPT_DECRYPT",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        sentences = {
            "key_type": {
                "SYMMETRIC_DEFAULT": gettext_lazy("A single AES-256-GCM key, used to encrypt and to decrypt.")
            },
            "usage": {"ENCRYPT_DECRYPT": gettext_lazy("Use the key only to encrypt and decrypt data.")},
        }
        for name, descriptions in sentences.items():
            widget: Any = self.fields[name].widget
            widget.descriptions = descriptions


class LabelsForm(ConsoleForm):
    alias = forms.CharField(
        label=gettext_lazy("Alias"),
        max_length=keys.MAX_ALIAS_LENGTH,
        help_text=gettext_lazy("A name for the key: letters, digits and / _ -"),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=keys.MAX_DESCRIPTION_LENGTH
    )
    tags = TagsField()


class PeopleForm(ConsoleForm):
    """Which people (ARNs). Nobody is right too: administrators of Mail Manager may, by the account."""

    people = forms.MultipleChoiceField(
        label=gettext_lazy("People"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["people"]
        assert isinstance(field, forms.MultipleChoiceField), "declared above"
        names = User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True)
        field.choices = [(keys.user_arn(name), name) for name in names]


class AdministratorsForm(PeopleForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["people"].label = gettext_lazy("Key administrators")
        self.fields["people"].help_text = gettext_lazy("Who may manage the key.")


class UsersForm(PeopleForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["people"].label = gettext_lazy("Key users")
        self.fields["people"].help_text = gettext_lazy("Who may encrypt and decrypt with the key.")


class DescriptionForm(ConsoleForm):
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=keys.MAX_DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class AliasForm(ConsoleForm):
    alias = forms.CharField(label=gettext_lazy("Alias"), max_length=keys.MAX_ALIAS_LENGTH)


class RotationForm(ConsoleForm):
    period_days = forms.IntegerField(
        label=gettext_lazy("Rotate the material every (days)"),
        required=False,
        min_value=keys.MIN_ROTATION_DAYS,
        max_value=keys.MAX_ROTATION_DAYS,
        help_text=gettext_lazy("Empty: by hand only. What was encrypted before still opens."),
    )


class KeyDeletionForm(ConsoleForm):
    days = forms.IntegerField(
        label=gettext_lazy("Waiting period (days)"),
        min_value=keys.MIN_DELETION_DAYS,
        max_value=keys.MAX_DELETION_DAYS,
        initial=keys.MAX_DELETION_DAYS,
    )
    is_confirmed = forms.BooleanField(
        label=gettext_lazy("I understand that what the key encrypted can't be read from now on.")
    )
