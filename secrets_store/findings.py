"""What is wrong with a secret for its reader, in words, with the remedy and the page that mends it."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from secrets_store.logic.readiness import Finding, Flaw
from secrets_store.models import Secret

_SECRET_POLICY_REMEDY = _("Edit the secret's resource permissions.")
_KEY_POLICY_REMEDY = _("Edit the policy of the encryption key.")

# What is said of each flaw, and what to do about it.
TEXTS: dict[Flaw, tuple[str | Promise, str | Promise]] = {
    Flaw.NO_SECRET: (
        _("The secret does not exist any more."),
        _("Choose another secret, or store a new one."),
    ),
    Flaw.BEING_DELETED: (
        _("The secret is scheduled for deletion."),
        _("Cancel its deletion, or choose another secret."),
    ),
    Flaw.NO_VALUE: (
        _("The secret has no current value."),
        _("Store a value with the key %(wanted)s."),
    ),
    Flaw.VALUE_KEYS: (
        _("The secret's keys are %(found)s; they must be exactly %(wanted)s, or authentication would fail."),
        _("Edit the value of the secret."),
    ),
    Flaw.DEFAULT_KEY: (
        _("The secret is encrypted by the default key, whose policy can't let endpoints or relays in."),
        _("Create a customer managed key and choose it as the secret's encryption key."),
    ),
    Flaw.KEY_DISABLED: (
        _("The secret's encryption key is disabled or scheduled for deletion."),
        _("Enable the key, or choose another one for the secret."),
    ),
    Flaw.SECRET_POLICY_DENIES: (
        _("The secret's resource permissions deny %(action)s by statement %(statement)s."),
        _SECRET_POLICY_REMEDY,
    ),
    Flaw.SECRET_POLICY_CONDITION: (
        _(
            "The secret's resource permissions allow %(action)s only where %(operator)s %(key)s is"
            " %(values)s, which does not hold here."
        ),
        _SECRET_POLICY_REMEDY,
    ),
    Flaw.SECRET_POLICY_SILENT: (
        _("The secret's resource permissions do not allow %(principal)s %(action)s."),
        _SECRET_POLICY_REMEDY,
    ),
    Flaw.KEY_POLICY_DENIES: (
        _("The policy of the secret's encryption key denies %(action)s by statement %(statement)s."),
        _KEY_POLICY_REMEDY,
    ),
    Flaw.KEY_POLICY_CONDITION: (
        _(
            "The policy of the secret's encryption key allows %(action)s only where %(operator)s %(key)s is"
            " %(values)s, which does not hold here."
        ),
        _KEY_POLICY_REMEDY,
    ),
    Flaw.KEY_POLICY_SILENT: (
        _("The policy of the secret's encryption key does not allow %(principal)s %(action)s."),
        _KEY_POLICY_REMEDY,
    ),
}

# The page that mends it: a URL name of this app, and whether it takes the secret or its key.
_SECRET_PAGES = {
    Flaw.BEING_DELETED: "secrets_store:secret",
    Flaw.NO_VALUE: "secrets_store:secret_value",
    Flaw.VALUE_KEYS: "secrets_store:secret_value",
    Flaw.DEFAULT_KEY: "secrets_store:secret_key",
    Flaw.SECRET_POLICY_DENIES: "secrets_store:secret_policy",
    Flaw.SECRET_POLICY_CONDITION: "secrets_store:secret_policy",
    Flaw.SECRET_POLICY_SILENT: "secrets_store:secret_policy",
}
_KEY_PAGES = {
    Flaw.KEY_DISABLED: "secrets_store:key",
    Flaw.KEY_POLICY_DENIES: "secrets_store:key_policy",
    Flaw.KEY_POLICY_CONDITION: "secrets_store:key_policy",
    Flaw.KEY_POLICY_SILENT: "secrets_store:key_policy",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding as `secrets_store/_findings.html` shows it, in the reader's language."""

    message: str
    remedy: str
    url: str


def sentence(finding: Finding) -> str:
    """Message and remedy, in the language that is active."""
    message, remedy = TEXTS[finding.flaw]
    return f"{message} {remedy}" % finding.parameters


def shown(findings: tuple[Finding, ...], secret: Secret | None) -> list[Shown]:
    return [
        Shown(
            str(TEXTS[finding.flaw][0]) % finding.parameters,
            str(TEXTS[finding.flaw][1]) % finding.parameters,
            _url(finding.flaw, secret),
        )
        for finding in findings
    ]


def _url(flaw: Flaw, secret: Secret | None) -> str:
    if secret is None:
        return reverse("secrets_store:secrets")
    if flaw in _KEY_PAGES:
        return reverse(_KEY_PAGES[flaw], args=[secret.key_id])
    return reverse(_SECRET_PAGES[flaw], args=[secret.pk])
