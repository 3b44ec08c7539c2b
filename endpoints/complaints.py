"""What is wrong with the fields of an ingress endpoint, each problem at the services' parameter."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from core import service_model
from core.errors import Problem
from endpoints.models import IngressEndpoint
from endpoints.passwords import MAX_LENGTH, MIN_LENGTH, is_allowed
from resources.models import arn_of
from secrets_store.findings import sentence
from secrets_store.logic.uses import Use
from secrets_store.services import readers

Type = IngressEndpoint.Type
TlsPolicy = IngressEndpoint.TlsPolicy


def name(name: str) -> list[Problem]:
    if not service_model.problems("IngressPointName", name):
        return []
    return [Problem("name", _("A name has 3 to 63 characters of A-Z, a-z, 0-9, _ and -."))]


def choice(path: str, value: object, allowed: Iterable[object]) -> list[Problem]:
    known = list(allowed)
    if value in known:
        return []
    return [Problem(path, _("Must be one of %(known)s.") % {"known": ", ".join(str(v) for v in known if v)})]


def tls_policy(endpoint_type: str, value: str | None, allowed: Iterable[object]) -> list[Problem]:
    if endpoint_type == Type.MTLS and value == TlsPolicy.OPTIONAL:
        return [Problem("tls_policy", _("An mTLS endpoint takes mail only after STARTTLS."))]
    return choice("tls_policy", value, allowed)


def secret(endpoint_id: str, secret_arn: str) -> list[Problem]:
    """Everything that would keep this endpoint from the secret, each with its remedy."""
    arn = arn_of(IngressEndpoint.ARN_TYPE, endpoint_id)
    findings = readers.findings_for(Use.ENDPOINT, arn, secret_arn)
    return [Problem("secret_arn", sentence(finding)) for finding in findings]


def credential(endpoint_type: str, password: str | None, secret_arn: str | None) -> list[Problem]:
    """The password itself is in no message."""
    if password is None and secret_arn is None:
        return []
    if endpoint_type != Type.AUTH:
        path = "password" if secret_arn is None else "secret_arn"
        return [Problem(path, _("Only an Authenticated endpoint has an SMTP password or a secret."))]
    if password is not None and secret_arn is not None:
        return [Problem("secret_arn", _("Choose either an SMTP password or a secret, not both."))]
    if password is None or is_allowed(password):
        return []
    return [
        Problem(
            "password",
            _("An SMTP password has %(min)d to %(max)d characters of A-Z, a-z, 0-9 and %(symbols)s")
            % {
                "min": MIN_LENGTH,
                "max": MAX_LENGTH,
                "symbols": "! @ # $ % ^ & * ( ) _ + - = [ ] { } | . , ?",
            },
        )
    ]
