"""The fields of the pages of a traffic policy."""

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ConsoleForm, SizeField, TagsField
from policies.models import DefaultAction

_NO_HELP = {"autocomplete": "off", "spellcheck": "false"}


class ActionTiles(forms.RadioSelect):
    descriptions = {
        DefaultAction.ALLOW.value: _("Mail that no statement matches is accepted."),
        DefaultAction.DENY.value: _("Mail that no statement matches is refused."),
    }


class NameForm(ConsoleForm):
    """What stands around the policy's document, however that is edited."""

    name = forms.CharField(label=_("Name"), widget=forms.TextInput(attrs=_NO_HELP))
    tags = TagsField()


class PolicyForm(NameForm):
    default_action = forms.ChoiceField(
        label=_("Default action"),
        help_text=_("What happens to mail that no policy statement matches."),
        choices=DefaultAction.choices,
        widget=ActionTiles,
        initial=DefaultAction.ALLOW.value,
    )
    max_message_size_bytes = SizeField(
        label=_("Maximum message size"),
        help_text=_("Larger messages are refused before any statement is asked."),
        required=False,
    )


class PolicyJsonForm(NameForm):
    document = forms.CharField(
        label=_("Policy document"),
        help_text=_("DefaultAction, MaxMessageSizeBytes and PolicyStatements, as the API has them."),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false"}),
    )


class TriedForm(ConsoleForm):
    """What is asked of a policy on trial."""

    TLS_CHOICES = [("", _("None (in the clear)")), ("TLS1_2", _("TLS 1.2")), ("TLS1_3", _("TLS 1.3"))]

    recipient = forms.CharField(
        label=_("Recipient address"),
        max_length=320,  # 64 + @ + 255 (RFC 5321 §4.5.3.1)
        widget=forms.TextInput(attrs={**_NO_HELP, "inputmode": "email"}),
    )
    peer = forms.GenericIPAddressField(
        label=_("Sender's IP address"), widget=forms.TextInput(attrs={**_NO_HELP, "placeholder": "192.0.2.7"})
    )
    tls = forms.ChoiceField(label=_("TLS"), choices=TLS_CHOICES, required=False)
    size = SizeField(label=_("Message size"), required=False)
