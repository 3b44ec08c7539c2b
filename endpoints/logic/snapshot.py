"""All that the ingress needs to know, immutable, built once for each configuration version."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from policies.logic.evaluate import CompiledPolicy


class EndpointType(StrEnum):
    OPEN = "OPEN"
    AUTH = "AUTH"
    MTLS = "MTLS"


@dataclass(frozen=True, slots=True)
class Credential:
    """A hash (Argon2id, encoded) that a password may match, until `expires_at` (None: for good)."""

    password_hash: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrustStore:
    """As it is stored, PEM; `endpoints.logic.trust_store` reads it. `crl_content` "": no CRL."""

    ca_content: str = field(repr=False)
    crl_content: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """One endpoint as sessions see it. `addresses` as text, canonical (`ipaddress` makes them).

    `is_open_for_mail` False: each connection is answered 421 and closed (CLOSED, UPDATING to CLOSED),
    but where `is_probed` (PROVISIONING): it greets, so that the probe sees it, and takes no mail yet.
    `auth_problem`: why the credentials can't be read now; AUTH then answers 454, "" where it can.
    """

    id: str
    name: str
    type: EndpointType
    is_tls_required: bool
    is_open_for_mail: bool
    is_probed: bool
    addresses: tuple[str, ...]
    host_name: str  # the A record, without a trailing dot
    policy_id: str
    policy: CompiledPolicy
    rule_set_id: str
    credentials: tuple[Credential, ...] = ()
    auth_problem: str = ""
    trust_store: TrustStore | None = None  # of an mTLS endpoint, and of no other


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`by_address`: from each address that is listened on to the endpoint that answers there."""

    version: int
    by_address: dict[str, ServedEndpoint] = field(default_factory=dict)
