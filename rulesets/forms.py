"""The fields of the pages of a rule set."""

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms import ConsoleForm, TagsField

_NO_HELP = {"autocomplete": "off", "spellcheck": "false"}
_MAX_ADDRESS_CHARACTERS = 320  # 64 + @ + 255 (RFC 5321 §4.5.3.1)
_MAX_TRIED_RECIPIENTS = 100
_MAX_TRIED_CHARACTERS = 1_000_000


class NameForm(ConsoleForm):
    """What stands around the rules, however they are edited."""

    name = forms.CharField(label=_("Name"), widget=forms.TextInput(attrs=_NO_HELP))
    tags = TagsField()


class JsonForm(NameForm):
    document = forms.CharField(
        label=_("Document"),
        help_text=_("An object with Rules, as the API has them."),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false"}),
    )


class TriedForm(ConsoleForm):
    """A message on trial."""

    TLS_CHOICES = [("", _("None (in the clear)")), ("TLS1_2", _("TLS 1.2")), ("TLS1_3", _("TLS 1.3"))]

    reverse_path = forms.CharField(
        label=_("Mail from"),
        help_text=_("The envelope's sender; empty for a bounce."),
        max_length=_MAX_ADDRESS_CHARACTERS,
        required=False,
        widget=forms.TextInput(attrs={**_NO_HELP, "inputmode": "email"}),
    )
    recipients = forms.CharField(
        label=_("Recipient addresses, one a line"),
        widget=forms.Textarea(attrs={**_NO_HELP, "rows": 3}),
    )
    peer = forms.GenericIPAddressField(
        label=_("Sender's IP address"), widget=forms.TextInput(attrs=_NO_HELP), initial="192.0.2.7"
    )
    helo = forms.CharField(
        label=_("Helo"), max_length=255, required=False, widget=forms.TextInput(attrs=_NO_HELP)
    )
    tls = forms.ChoiceField(label=_("TLS"), choices=TLS_CHOICES, required=False, initial="TLS1_3")
    message = forms.CharField(
        label=_("Message"),
        help_text=_("Header, empty line, body; paste a whole message, or write only the fields that count."),
        max_length=_MAX_TRIED_CHARACTERS,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**_NO_HELP, "rows": 10}),
        initial="From: sender@example.com\nTo: team@example.com\nSubject: Hello\n\nHello\n",
    )

    def clean_recipients(self) -> tuple[str, ...]:
        recipients = tuple(dict.fromkeys(self.cleaned_data["recipients"].split()))
        if len(recipients) > _MAX_TRIED_RECIPIENTS:
            raise forms.ValidationError(_("At most 100 recipients."))
        return recipients

    def clean_message(self) -> bytes:
        """With the line endings of mail."""
        text: str = self.cleaned_data["message"]
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        return lines.replace("\n", "\r\n").encode("utf-8", "replace")
