"""The side navigation, in one place. An item whose page isn't there yet is left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Item:
    """`key`: what a page says as `nav`. `roles`: of people who see it; empty for everybody."""

    key: str
    label: str | Promise
    url_name: str
    roles: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Group:
    label: str | Promise
    items: tuple[Item, ...]


ADMINISTRATORS = frozenset({"administrator"})

GROUPS = (
    Group(
        _("Mail Manager"),
        (
            Item("dashboard", _("Dashboard"), "dashboard"),
            Item("endpoints", _("Ingress endpoints"), "endpoints:list"),
            Item("policies", _("Traffic policies"), "policies:list"),
            Item("rulesets", _("Rule sets"), "rulesets:list"),
            Item("addresslists", _("Address lists"), "addresslists:list"),
            Item("relays", _("SMTP relays"), "relays:list"),
            Item("archives", _("Email archives"), "archives:list"),
            Item("addons", _("Email Add Ons"), "addons:list"),
            Item("mailboxes", _("Mailboxes"), "destinations:mailboxes"),
            Item("buckets", _("Buckets"), "destinations:buckets"),
        ),
    ),
    Group(
        _("Observe"),
        (
            Item("live", _("Live"), "live"),
            Item("trace", _("Message trace"), "mailflow:list"),
            Item("simulator", _("Simulator"), "mailflow:simulator"),
        ),
    ),
    Group(
        _("Security"),
        (
            Item("secrets", _("Secrets"), "secrets_store:secrets"),
            Item("keys", _("Encryption keys"), "secrets_store:keys"),
            Item("roles", _("Roles"), "destinations:roles"),
            Item("access_keys", _("Access keys"), "access_keys:list"),
            Item("people", _("People"), "access:people", ADMINISTRATORS),
            Item("audit", _("Audit log"), "access:audit"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Link:
    label: str | Promise
    url: str
    is_current: bool


def links_for(role: str, current: str) -> Sequence[tuple[str | Promise, list[Link]]]:
    """Groups with the links that exist for a person of `role`; groups without one are left out."""
    groups = []
    for group in GROUPS:
        links = [
            Link(item.label, url, item.key == current)
            for item in group.items
            if (not item.roles or role in item.roles) and (url := _url_of(item.url_name))
        ]
        if links:
            groups.append((group.label, links))
    return groups


def _url_of(url_name: str) -> str:
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""
