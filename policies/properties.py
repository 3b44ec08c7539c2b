"""What conditions of a traffic policy can ask about, as editor and pages show it (SPEC §4)."""

from django.utils.translation import gettext_lazy as _

from addresslists.reading import list_choices
from console.conditions import IP_OPERATORS, STRING_OPERATORS, Property, ValueKind, list_property

PROPERTIES = (
    Property(
        "RECIPIENT",
        _("Recipient address"),
        "StringExpression",
        STRING_OPERATORS,
        ValueKind.TEXTS,
        example="@example.com",
    ),
    Property(
        "SENDER_IP",
        _("Sender IP range (IPv4)"),
        "IpExpression",
        IP_OPERATORS,
        ValueKind.CIDRS,
        example="192.0.2.0/24",
    ),
    Property(
        "SENDER_IPV6",
        _("Sender IP range (IPv6)"),
        "Ipv6Expression",
        IP_OPERATORS,
        ValueKind.CIDRS,
        example="2001:db8::/32",
    ),
    Property(
        "TLS_PROTOCOL",
        _("TLS protocol version"),
        "TlsExpression",
        {"MINIMUM_TLS_VERSION": _("is at least"), "IS": _("is")},
        ValueKind.CHOICE,
        choices={"TLS1_2": _("TLS 1.2"), "TLS1_3": _("TLS 1.3")},
    ),
)


def properties() -> tuple[Property, ...]:
    """With the address lists that there are now: one query."""
    return (*PROPERTIES, list_property("RECIPIENT", _("Recipient address"), list_choices()))
