"""Where an Authenticated endpoint's credentials come from: the one place that knows.

The SMTP password kept at the endpoint itself, hashed; or a secret, whose versions AWSCURRENT and
AWSPREVIOUS are both accepted, as long as the endpoint may read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from endpoints.logic.snapshot import Credential
from endpoints.models import IngressEndpoint
from secrets_store.logic.readiness import Finding
from secrets_store.logic.uses import Use
from secrets_store.services import readers
from secrets_store.services.readers import Reading


@dataclass(frozen=True, slots=True)
class Credentials:
    """`problem`: why they can't be read now, for our log and console; AUTH then answers 454."""

    accepted: tuple[Credential, ...] = ()
    problem: str = ""


def credentials_of(endpoints: Iterable[IngressEndpoint], now: datetime) -> dict[str, Credentials]:
    """For each Authenticated endpoint by ID. The former password is in it until it expires."""
    authenticated = [endpoint for endpoint in endpoints if endpoint.type == IngressEndpoint.Type.AUTH]
    readings = _readings(endpoint for endpoint in authenticated if endpoint.secret_arn)
    return {
        endpoint.id: _secret_credentials(readings[endpoint.arn])
        if endpoint.secret_arn
        else _password_credentials(endpoint, now)
        for endpoint in authenticated
    }


def secret_findings(endpoints: Iterable[IngressEndpoint]) -> dict[str, tuple[Finding, ...]]:
    """For each endpoint (with a secret) by ID what keeps it from that; () where nothing does."""
    rows = list(endpoints)
    readings = _readings(rows)
    return {endpoint.id: readings[endpoint.arn].findings for endpoint in rows}


def _readings(endpoints: Iterable[IngressEndpoint]) -> dict[str, Reading]:
    return readers.readings_of(Use.ENDPOINT, {endpoint.arn: endpoint.secret_arn for endpoint in endpoints})


def _secret_credentials(reading: Reading) -> Credentials:
    if reading.findings:
        return Credentials(problem=", ".join(finding.flaw.value for finding in reading.findings))
    return Credentials(tuple(map(Credential, reading.password_hashes)))


def _password_credentials(endpoint: IngressEndpoint, now: datetime) -> Credentials:
    if not endpoint.password_hash:
        return Credentials(problem="no SMTP password is set")
    accepted = [Credential(endpoint.password_hash)]
    expires_at = endpoint.previous_password_expires_at
    if endpoint.previous_password_hash and expires_at is not None and expires_at > now:
        accepted.append(Credential(endpoint.previous_password_hash, expires_at))
    return Credentials(tuple(accepted))
