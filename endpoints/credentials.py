"""Where an Authenticated endpoint's credentials come from: the one place that knows.

Today the SMTP password kept at the endpoint itself, hashed. Whatever comes later (a secret) gives the
same answer: hashes that a password may match, or why there are none now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from endpoints.logic.snapshot import Credential
from endpoints.models import IngressEndpoint


@dataclass(frozen=True, slots=True)
class Credentials:
    """`problem`: why they can't be read now, for our log and console; AUTH then answers 454."""

    accepted: tuple[Credential, ...] = ()
    problem: str = ""


def credentials_of(endpoints: Iterable[IngressEndpoint], now: datetime) -> dict[str, Credentials]:
    """For each Authenticated endpoint by ID. The former password is in it until it expires."""
    return {
        endpoint.id: _password_credentials(endpoint, now)
        for endpoint in endpoints
        if endpoint.type == IngressEndpoint.Type.AUTH
    }


def _password_credentials(endpoint: IngressEndpoint, now: datetime) -> Credentials:
    if not endpoint.password_hash:
        return Credentials(problem="no SMTP password is set")
    accepted = [Credential(endpoint.password_hash)]
    expires_at = endpoint.previous_password_expires_at
    if endpoint.previous_password_hash and expires_at is not None and expires_at > now:
        accepted.append(Credential(endpoint.previous_password_hash, expires_at))
    return Credentials(tuple(accepted))
