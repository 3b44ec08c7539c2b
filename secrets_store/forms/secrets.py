"""Forms of the secrets' pages."""

from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.forms import ConsoleForm, TagsField
from secrets_store.forms.policy import OptionalPolicyForm
from secrets_store.forms.value import OTHER, ValueForm
from secrets_store.models import EncryptionKey, Secret
from secrets_store.services import keys, secrets

KEY_HELP = gettext_lazy(
    "Endpoints and relays need a customer managed key: the default key has no policy that could let them in."
)


class KeyForm(ConsoleForm):
    key_id = forms.ChoiceField(label=gettext_lazy("Encryption key"), help_text=KEY_HELP)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["key_id"]
        assert isinstance(field, forms.ChoiceField), "declared above"
        field.choices = key_choices()


class TypeForm(ValueForm, KeyForm):
    """First step of “Store a new secret”."""

    field_order = ("use", "mode", "pairs", "text", "key_id")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("use", OTHER) != OTHER and "key_id" in cleaned and _is_default(cleaned["key_id"]):
            self.add_error(
                "key_id",
                _(
                    "Choose a customer managed key, or create one with “Add new key”: the default key can't"
                    " be used here."
                ),
            )
        return cleaned


class ConfigureForm(OptionalPolicyForm):
    name = forms.CharField(label=gettext_lazy("Secret name"), max_length=512)
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=secrets.MAX_DESCRIPTION_LENGTH
    )
    tags = TagsField()
    field_order = ("name", "description", "tags", "policy")


class RotationForm(ConsoleForm):
    kind = forms.ChoiceField(
        label=gettext_lazy("Rotation"),
        required=False,
        choices=[("", gettext_lazy("No rotation")), *Secret.RotationKind.choices],
        widget=forms.RadioSelect,
    )
    schedule = forms.CharField(
        label=gettext_lazy("Schedule"),
        required=False,
        max_length=256,
        help_text=gettext_lazy("rate(30 days), or cron(0 8 1 * ? *) in UTC. Empty: by hand only."),
    )
    function = forms.CharField(
        label=gettext_lazy("Function"),
        required=False,
        max_length=2048,
        help_text=gettext_lazy("The http:// or https:// address that is asked to do the four steps."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        widget: Any = self.fields["kind"].widget
        widget.descriptions = ROTATION_SENTENCES

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("kind") == Secret.RotationKind.FUNCTION and not cleaned.get("function"):
            self.add_error("function", _("Enter the function's address."))
        return cleaned


ROTATION_SENTENCES: dict[str, str | Promise] = {
    "": gettext_lazy("The value changes only when somebody edits it."),
    Secret.RotationKind.GENERATED.value: gettext_lazy(
        "The key “password” gets a new random value. The former one stays good until the next rotation."
    ),
    Secret.RotationKind.FUNCTION.value: gettext_lazy(
        "A function of yours makes the value and tells whom it must: createSecret, setSecret, testSecret,"
        " finishSecret."
    ),
}


class DescriptionForm(ConsoleForm):
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=secrets.MAX_DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SecretDeletionForm(ConsoleForm):
    confirmation = forms.CharField(label=gettext_lazy("Name"))
    days = forms.IntegerField(
        label=gettext_lazy("Recovery window (days)"),
        min_value=secrets.MIN_RECOVERY_DAYS,
        max_value=secrets.MAX_RECOVERY_DAYS,
        initial=secrets.DEFAULT_RECOVERY_DAYS,
    )

    def __init__(self, name: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.name = name

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.name:
            raise forms.ValidationError(_("Type the name exactly as it stands above."))
        return typed


def key_choices() -> list[tuple[str, str]]:
    """The default key, then the customer's own that are enabled, by name."""
    own = EncryptionKey.objects.filter(
        state=EncryptionKey.State.ENABLED, manager=EncryptionKey.Manager.CUSTOMER
    ).prefetch_related("aliases")
    named = sorted((key.name, key.pk) for key in own)
    default = (f"alias/{keys.DEFAULT_KEY_ALIAS}", _("Default key (alias/aws/secretsmanager)"))
    return [default, *((pk, name) for name, pk in named)]


def _is_default(key_id: str) -> bool:
    return key_id == f"alias/{keys.DEFAULT_KEY_ALIAS}"
