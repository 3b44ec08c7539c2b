"""What rules can ask and do, as tables with the words of the console: editor and pages follow them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from addresslists.reading import list_choices
from console.conditions import (
    BOOLEAN_OPERATORS,
    IP_OPERATORS,
    NUMBER_OPERATORS,
    STRING_OPERATORS,
    Property,
    Text,
    ValueKind,
    list_property,
)
from core.envelope import CertificateAttribute
from rulesets.logic.warnings import Doubt


def _text(key: str, label: Text, example: str = "", *, keeps_spaces: bool = False) -> Property:
    return Property(
        key,
        label,
        "StringExpression",
        STRING_OPERATORS,
        ValueKind.TEXTS,
        example=example,
        keeps_spaces=keeps_spaces,
    )


def _certificate(attribute: CertificateAttribute, label: Text, example: str) -> Property:
    return Property(
        attribute.value,
        label,
        "StringExpression",
        STRING_OPERATORS,
        ValueKind.TEXTS,
        asks="ClientCertificateAttribute",
        example=example,
    )


PROPERTIES = (
    _text("RECIPIENT", _("Recipient address"), "@example.com"),
    _text("MAIL_FROM", _("Mail from"), "bounces@example.com"),
    _text("FROM", _("From address"), "sender@example.com"),
    _text("TO", _("To address"), "team@example.com"),
    _text("CC", _("CC address"), "team@example.com"),
    _text("SENDER", _("Sender address"), "desk@example.com"),
    _text("SUBJECT", _("Subject"), "[ticket]", keeps_spaces=True),
    _text("HELO", _("Helo"), ".example.com"),
    Property(
        "MIME_HEADER",
        _("X- header"),
        "StringExpression",
        STRING_OPERATORS,
        ValueKind.HEADER,
        asks="MimeHeaderAttribute",
        example="yes",
        keeps_spaces=True,
    ),
    Property(
        "SOURCE_IP",
        _("Source IP range"),
        "IpExpression",
        IP_OPERATORS,
        ValueKind.CIDRS,
        example="192.0.2.0/24",
    ),
    Property("MESSAGE_SIZE", _("Message size"), "NumberExpression", NUMBER_OPERATORS, ValueKind.SIZE),
    Property("TLS", _("TLS"), "BooleanExpression", BOOLEAN_OPERATORS, ValueKind.NOTHING),
    _certificate(
        CertificateAttribute.CN, _("Client certificate attribute: common name"), "mailer.example.com"
    ),
    _certificate(
        CertificateAttribute.SAN_RFC822_NAME,
        _("Client certificate attribute: email address"),
        "mailer@example.com",
    ),
    _certificate(
        CertificateAttribute.SAN_DNS_NAME, _("Client certificate attribute: DNS name"), "mailer.example.com"
    ),
    _certificate(
        CertificateAttribute.SAN_DIRECTORY_NAME,
        _("Client certificate attribute: directory name"),
        "CN=mailer,O=Example",
    ),
    _certificate(
        CertificateAttribute.SAN_UNIFORM_RESOURCE_IDENTIFIER,
        _("Client certificate attribute: URI"),
        "https://example.com/mailer",
    ),
    _certificate(
        CertificateAttribute.SAN_IP_ADDRESS, _("Client certificate attribute: IP address"), "192.0.2.7"
    ),
    _certificate(
        CertificateAttribute.SAN_REGISTERED_ID, _("Client certificate attribute: registered ID"), "1.2.3.4"
    ),
    _certificate(
        CertificateAttribute.SERIAL_NUMBER,
        _("Client certificate attribute: serial number"),
        "0A1B2C3D",
    ),
)

# What can be looked for in an address list, by the labels that they have above.
_IN_LISTS = ("RECIPIENT", "MAIL_FROM", "FROM", "TO", "CC", "SENDER")


def properties() -> tuple[Property, ...]:
    """With the address lists that there are now: one query."""
    choices = list_choices()
    labels = {known.key: known.label for known in PROPERTIES}
    return (*PROPERTIES, *(list_property(key, labels[key], choices) for key in _IN_LISTS))


class Control(StrEnum):
    """How a parameter is typed."""

    TEXT = "text"
    LINES = "lines"  # a list, one a line
    RELAY = "relay"  # one of the relays there are
    MAILBOX = "mailbox"  # a name; those there are are offered
    BUCKET = "bucket"
    ROLE = "role"
    POLICY = "policy"  # ActionFailurePolicy


@dataclass(frozen=True, slots=True)
class Parameter:
    """`member` of the action's document."""

    member: str
    label: Text
    control: Control
    is_required: bool = True
    example: str = ""
    constraint: Text = ""


@dataclass(frozen=True, slots=True)
class ActionKind:
    """`kind` is the service model's name; `sentence` says what it does."""

    kind: str
    label: Text
    sentence: Text
    parameters: tuple[Parameter, ...] = ()


_ROLE = Parameter("RoleArn", _("IAM role"), Control.ROLE)
_POLICY = Parameter("ActionFailurePolicy", _("If the action fails"), Control.POLICY, is_required=False)

FAILURE_POLICIES: Mapping[str, Text] = {
    "": _("Continue with what comes next"),
    "DROP": _("Do nothing more for these recipients"),
}

ACTIONS = (
    ActionKind(
        "DeliverToMailbox",
        _("Deliver to mailbox"),
        _("Puts the message into a mailbox of this installation."),
        (
            Parameter("MailboxArn", _("Mailbox"), Control.MAILBOX, constraint=_("A mailbox's name or ARN.")),
            _ROLE,
            _POLICY,
        ),
    ),
    ActionKind(
        "Relay",
        _("SMTP relay"),
        _("Hands the message on to another mail server."),
        (Parameter("Relay", _("SMTP relay"), Control.RELAY), _POLICY),
    ),
    ActionKind(
        "WriteToS3",
        _("Write to S3"),
        _("Stores the message as it came as an object in a bucket."),
        (
            Parameter("S3Bucket", _("Bucket"), Control.BUCKET),
            Parameter("S3Prefix", _("Prefix"), Control.TEXT, is_required=False, example="incoming"),
            _ROLE,
            _POLICY,
        ),
    ),
    ActionKind(
        "AddHeader",
        _("Add header"),
        _("Adds a header field for the actions that follow, even if one of that name is there."),
        (
            Parameter("HeaderName", _("Header name"), Control.TEXT, example="X-Checked"),
            Parameter("HeaderValue", _("Header value"), Control.TEXT, example="yes"),
        ),
    ),
    ActionKind(
        "ReplaceRecipient",
        _("Email recipients rewrite"),
        _("Replaces the matched recipients on the envelope; later rules see the new ones."),
        (Parameter("ReplaceWith", _("New recipients"), Control.LINES, example="team@example.com"),),
    ),
    ActionKind("Drop", _("Drop"), _("Ends processing for the matched recipients.")),
)
ACTIONS_BY_KIND = {action.kind: action for action in ACTIONS}

# %(name)s: what isn't known, or the number of the rule that drops everything.
DOUBTS: Mapping[Doubt, Text] = {
    Doubt.EMPTY: _("There is no rule yet: mail is accepted and nothing becomes of it."),
    Doubt.CAN_END_UNHANDLED: _(
        "Mail can reach the end without being delivered, stored or dropped. A last rule without conditions "
        "takes what is left."
    ),
    Doubt.NEVER_REACHED: _("This rule is never reached: rule %(name)s drops everything."),
    Doubt.AFTER_DROP: _("Actions after Drop are not done."),
    Doubt.UNKNOWN_MAILBOX: _("There is no mailbox %(name)s; delivery will fail until there is."),
    Doubt.UNKNOWN_BUCKET: _("There is no bucket %(name)s; writing will fail until there is."),
    Doubt.UNKNOWN_ROLE: _("There is no role %(name)s; the action will fail until there is."),
}
