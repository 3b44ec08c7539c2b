"""The fields of the pages of mailboxes and buckets."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.deletion import DeletionForm
from console.forms import ConsoleForm, TagsField
from destinations.models import Mailbox

_NO_HELP = {"autocomplete": "off", "spellcheck": "false"}


class KindTiles(forms.RadioSelect):
    descriptions = {
        Mailbox.Kind.MAILDIR.value: _(
            "Messages are files in this installation's data directory; any IMAP server can show them."
        ),
        Mailbox.Kind.LMTP.value: _("Messages are handed to a mail store such as Dovecot or Cyrus."),
    }


class ServerForm(ConsoleForm):
    """Where an LMTP mailbox's server is: what can be changed of a mailbox."""

    lmtp_host = forms.CharField(
        label=_("LMTP host"),
        help_text=_("The mail store, for a mailbox on an LMTP server."),
        required=False,
        widget=forms.TextInput(attrs={**_NO_HELP, "placeholder": "imap.example.com"}),
    )
    lmtp_port = forms.IntegerField(
        label=_("LMTP port"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 1, "max": 65535, "inputmode": "numeric", "placeholder": "24"}),
    )


class MailboxForm(ServerForm):
    name = forms.CharField(
        label=_("Name"),
        help_text=_("Rules name the mailbox by it. It can't be changed later."),
        widget=forms.TextInput(attrs=_NO_HELP),
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=Mailbox.Kind.choices,
        initial=Mailbox.Kind.MAILDIR.value,
        widget=KindTiles,
    )
    tags = TagsField()


class BucketForm(ConsoleForm):
    name = forms.CharField(
        label=_("Name"),
        help_text=_("Rules name the bucket by it. It can't be changed later."),
        widget=forms.TextInput(attrs=_NO_HELP),
    )
    tags = TagsField()


class EmptyingForm(DeletionForm):
    """The delete page of what may hold mail."""

    with_contents = forms.BooleanField(required=False)

    def __init__(self, name: str, label: Any, *args: Any, **options: Any) -> None:
        super().__init__(name, *args, **options)
        self.fields["with_contents"].label = label
