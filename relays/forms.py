"""The fields of the pages of an SMTP relay."""

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ConsoleForm, TagsField
from relays.models import Relay
from secrets_store.forms.choice import SecretChoiceField

_NO_HELP = {"autocomplete": "off", "spellcheck": "false"}


class TlsTiles(forms.RadioSelect):
    descriptions = {
        Relay.Tls.OPTIONAL.value: _(
            "Mail goes encrypted where the relay offers it, and in the clear otherwise."
        ),
        Relay.Tls.REQUIRED.value: _(
            "Mail waits unless the relay offers TLS with a trusted certificate for its server name."
        ),
    }


class RelayForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), widget=forms.TextInput(attrs=_NO_HELP))
    server_name = forms.CharField(
        label=_("Server name"),
        help_text=_("The host itself; its MX records are not asked."),
        widget=forms.TextInput(attrs={**_NO_HELP, "placeholder": "mail.example.com"}),
    )
    server_port = forms.IntegerField(
        label=_("Server port"),
        initial=25,
        widget=forms.NumberInput(attrs={"min": 1, "max": 65535, "inputmode": "numeric"}),
    )
    tls = forms.ChoiceField(
        label=_("TLS"), choices=Relay.Tls.choices, initial=Relay.Tls.OPTIONAL.value, widget=TlsTiles
    )

    secret_arn = SecretChoiceField(
        help_text=_(
            "With the keys “username” and “password”. Without a secret the relay is spoken to without"
            " authentication; with one TLS is required."
        )
    )


class NewRelayForm(RelayForm):
    tags = TagsField()
