"""An ingress endpoint told: states, reasons, how clients are set up, API representation, CLI command."""

import base64
import shlex
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.status import Look, Tone
from core import reply
from endpoints.logic.life import Status
from endpoints.logic.reasons import Reason, ReasonCode, read_reason
from endpoints.models import IngressEndpoint
from endpoints.mx_check import Exchanger, MxCheck, Outcome

LOOKS: dict[str, Look] = {
    Status.PROVISIONING.value: Look(gettext_lazy("Provisioning"), "pending", Tone.PENDING),
    Status.ACTIVE.value: Look(gettext_lazy("Active"), "success", Tone.SUCCESS),
    Status.UPDATING.value: Look(gettext_lazy("Updating"), "pending", Tone.PENDING),
    Status.CLOSED.value: Look(gettext_lazy("Closed"), "stopped", Tone.STOPPED),
    Status.FAILED.value: Look(gettext_lazy("Failed"), "error", Tone.ERROR),
    Status.DEPROVISIONING.value: Look(gettext_lazy("Deprovisioning"), "pending", Tone.PENDING),
}

SMTP_PORT, SUBMISSION_PORT = 25, 587  # what the settings' ports stand for (SPEC §3)


def reason(endpoint: IngressEndpoint) -> str:
    """Why the endpoint is not where it should be, and what helps; "" where all is well."""
    stored = read_reason(endpoint.status_reason)
    return _told(stored) if stored else ""


def _told(stored: Reason) -> str:
    details = stored.details
    match stored.code:
        case ReasonCode.POOL_UNREADABLE:
            return _("The setting MAILMANAGER_ADDRESS_POOL can't be read: %(problem)s.") % details
        case ReasonCode.POOL_EXHAUSTED:
            return (
                _(
                    "No %(family)s address is free: %(in_use)s in use, %(resting)s at rest after a deletion."
                    " Name more in the setting MAILMANAGER_ADDRESS_POOL, or delete an endpoint."
                )
                % details
            )
        case ReasonCode.NO_LISTENER:
            return (
                _(
                    "Nothing answers at %(address)s port %(port)s (%(problem)s)."
                    " Is the ingress running (manage.py runingress), and has this machine that address?"
                )
                % details
            )
        case ReasonCode.FOREIGN_LISTENER:
            return (
                _("Another program answers at %(address)s port %(port)s, with “%(heard)s”. Stop it.")
                % details
            )
        case ReasonCode.NOT_CONFIRMED if "address" in details:
            return (
                _(
                    "The change is saved, but %(address)s port %(port)s does not show it yet."
                    " Is the ingress running (manage.py runingress)?"
                )
                % details
            )
        case ReasonCode.NOT_CONFIRMED:
            return _("The change is saved, but not every ingress process has taken it yet.")


# --- setting up clients ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Port:
    """`actual`: where this installation listens for it, None where it is the same."""

    public: int
    actual: int | None


@dataclass(frozen=True, slots=True)
class SetUp:
    """`conversation` and `user_name_base64`: "" for an Open endpoint."""

    host: str
    mx_line: str
    ports: list[Port]
    user_name: str
    user_name_base64: str
    conversation: str


def set_up(endpoint: IngressEndpoint) -> SetUp:
    is_authenticated = endpoint.type == IngressEndpoint.Type.AUTH
    ports = [_port(SMTP_PORT, settings.SMTP_PORT)]
    if is_authenticated:
        ports.append(_port(SUBMISSION_PORT, settings.SUBMISSION_PORT))
    encoded = base64.b64encode(endpoint.id.encode()).decode()
    return SetUp(
        host=endpoint.a_record,
        mx_line=f"example.com.  3600  IN  MX  10  {endpoint.a_record}.",
        ports=ports,
        user_name=endpoint.id,
        user_name_base64=encoded if is_authenticated else "",
        conversation=_conversation(encoded) if is_authenticated else "",
    )


def _port(public: int, actual: int) -> Port:
    return Port(public, None if actual == public else actual)


def _conversation(user_name_base64: str) -> str:
    lines = [
        "S: 250 AUTH LOGIN PLAIN",
        "C: AUTH LOGIN",
        f"S: {reply.AUTH_USER_NAME}",
        f"C: {user_name_base64}",
        f"S: {reply.AUTH_PASSWORD}",
        "C: " + _("<the password in Base64>"),
        f"S: {reply.AUTH_SUCCEEDED}",
    ]
    return "\n".join(lines)


# --- a domain's MX --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToldMx:
    """`found`: the domain's MX hosts, each with whether it is this endpoint."""

    title: str
    tone: Tone
    advice: str
    found: tuple[Exchanger, ...]


def mx_in_words(checked: MxCheck) -> ToldMx:
    title, tone, advice = _MX_WORDS[checked.outcome]
    return ToldMx(str(title) % {"domain": checked.domain}, tone, str(advice), checked.found)


_ADD_MX = gettext_lazy(
    "Add the MX record above at your DNS provider; it can take as long as the former record's TTL."
)
_MX_WORDS: dict[Outcome, tuple[Any, Tone, Any]] = {
    Outcome.HERE: (gettext_lazy("Mail for %(domain)s comes here."), Tone.SUCCESS, ""),
    Outcome.HERE_NOT_FIRST: (
        gettext_lazy("Mail for %(domain)s comes here only when another host is away."),
        Tone.WARNING,
        gettext_lazy("Give this endpoint the lowest number: senders try that one first."),
    ),
    Outcome.ELSEWHERE: (gettext_lazy("Mail for %(domain)s goes elsewhere."), Tone.WARNING, _ADD_MX),
    Outcome.NO_MX: (gettext_lazy("%(domain)s has no MX record."), Tone.WARNING, _ADD_MX),
    Outcome.NULL_MX: (
        gettext_lazy("%(domain)s says that it takes no mail (a null MX, RFC 7505)."),
        Tone.WARNING,
        gettext_lazy("Replace that record by the MX record above."),
    ),
    Outcome.NO_DOMAIN: (
        gettext_lazy("%(domain)s does not exist."),
        Tone.ERROR,
        gettext_lazy("Is it spelled right, and registered?"),
    ),
    Outcome.NO_NAME: (gettext_lazy("“%(domain)s” is not a domain name."), Tone.ERROR, ""),
    Outcome.UNANSWERED: (
        gettext_lazy("The name server gave no answer about %(domain)s."),
        Tone.ERROR,
        gettext_lazy("Try again in a moment; the setting MAILMANAGER_RESOLVER says who is asked."),
    ),
}


# --- API ------------------------------------------------------------------------------------------


def api_representation(endpoint: IngressEndpoint) -> dict[str, Any]:
    """As GetIngressPoint answers."""
    document: dict[str, Any] = {
        "IngressPointId": endpoint.id,
        "IngressPointName": endpoint.name,
        "IngressPointArn": endpoint.arn,
        "Status": endpoint.status,
        "Type": endpoint.type,
        "RuleSetId": endpoint.rule_set_id,
        "TrafficPolicyId": endpoint.traffic_policy_id,
        "TlsPolicy": endpoint.tls_policy,
        "NetworkConfiguration": {"PublicNetworkConfiguration": {"IpType": _ip_type(endpoint)}},
        "CreatedTimestamp": endpoint.created_at.isoformat(),
        "LastUpdatedTimestamp": endpoint.updated_at.isoformat(),
    }
    if endpoint.a_record:
        document["ARecord"] = endpoint.a_record
    if endpoint.type == IngressEndpoint.Type.AUTH:
        document["IngressPointAuthConfiguration"] = (
            {"SecretArn": endpoint.secret_arn}
            if endpoint.secret_arn
            else {"IngressPointPasswordConfiguration": _password_configuration(endpoint)}
        )
    if endpoint.type == IngressEndpoint.Type.MTLS:  # what is in it is told to who asks for it (INCLUDE)
        document["IngressPointAuthConfiguration"] = {"TlsAuthConfiguration": {}}
    return document


def _ip_type(endpoint: IngressEndpoint) -> str:
    return "DUAL_STACK" if any(":" in row.address for row in endpoint.addresses.all()) else "IPV4"


def _password_configuration(endpoint: IngressEndpoint) -> dict[str, str]:
    configuration = {"SmtpPasswordVersion": str(endpoint.password_version)}
    if endpoint.previous_password_hash and endpoint.previous_password_expires_at:
        configuration["PreviousSmtpPasswordVersion"] = str(endpoint.password_version - 1)
        expires_at = endpoint.previous_password_expires_at.isoformat()
        configuration["PreviousSmtpPasswordExpiryTimestamp"] = expires_at
    return configuration


def cli_command(endpoint: IngressEndpoint) -> str:
    """The AWS CLI's command that makes such an endpoint. The password is not in it: we don't know it."""
    parts = [
        "aws mailmanager create-ingress-point",
        f"--ingress-point-name {shlex.quote(endpoint.name)}",
        f"--type {endpoint.type}",
        f"--tls-policy {endpoint.tls_policy}",
        f"--traffic-policy-id {endpoint.traffic_policy_id}",
        f"--rule-set-id {endpoint.rule_set_id}",
    ]
    if endpoint.type == IngressEndpoint.Type.AUTH:
        credential = f"SecretArn={endpoint.secret_arn}" if endpoint.secret_arn else "SmtpPassword=PASSWORD"
        parts.append(f"--ingress-point-configuration {shlex.quote(credential)}")
    if (
        endpoint.type == IngressEndpoint.Type.MTLS
    ):  # {"TlsAuthConfiguration": {"TrustStore": {"CAContent": …}}}
        parts.append("--ingress-point-configuration file://trust-store.json")
    return " \\\n  ".join(parts)
