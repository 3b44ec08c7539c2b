"""AWS Signature Version 4, from the side that checks it.

Source: AWS General Reference, “Signing AWS API requests”. Pure: the request and the time come in as
values, the secret is found by the caller between `read_claim` and `check`.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=5)
MAX_PRESIGNED = timedelta(days=7)

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
# Where the request goes and what it does: else a signature could be moved to another operation.
_MUST_BE_SIGNED = ("host", "x-amz-target")
_TIMESTAMP = "%Y%m%dT%H%M%SZ"


class Refusal(StrEnum):
    """Why a request is not taken, by the exception that the service names for it."""

    MISSING = "MissingAuthenticationTokenException"
    INCOMPLETE = "IncompleteSignatureException"
    UNKNOWN_KEY = "UnrecognizedClientException"
    INVALID = "InvalidSignatureException"


class BadSignature(Exception):
    """`str(self)` is for the client: it says what is wrong, nothing of what would be right."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """`path` and `query` as sent, still encoded. `headers`: all, names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its own signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: Sequence[str]
    signature: str
    timestamp: str
    signed_at: datetime
    valid_for: timedelta | None  # of a presigned request

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_claim(request: SignedRequest) -> Claim:
    """From the Authorization header or, presigned, from the query. BadSignature where there is none."""
    parameters = dict(_query_pairs(request.query))
    if "X-Amz-Signature" in parameters:
        return _read_presigned(parameters)
    authorization = request.headers.get("authorization", "")
    if not authorization:
        raise BadSignature(Refusal.MISSING, "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        raise BadSignature(
            Refusal.INCOMPLETE,
            f"Authorization header requires the algorithm {ALGORITHM} and 'Credential', 'SignedHeaders'"
            " and 'Signature' parameters.",
        )
    return _claim(
        match["credential"], match["headers"], match["signature"], request.headers.get("x-amz-date", ""), None
    )


def check(request: SignedRequest, claim: Claim, secret: str, now: datetime) -> None:
    """BadSignature, unless the request was signed with `secret`, is of now, and is as it was signed."""
    _check_time(claim, now)
    for name in _MUST_BE_SIGNED:
        if name in request.headers and name not in claim.signed_headers:
            raise BadSignature(Refusal.INVALID, f"The header '{name}' must be signed.")
    key = f"AWS4{secret}".encode()
    for part in (claim.date, claim.region, claim.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    canonical = canonical_request(request, claim)
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = "\n".join((ALGORITHM, claim.timestamp, claim.scope, digest))
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, claim.signature):
        raise BadSignature(
            Refusal.INVALID,
            "The request signature we calculated does not match the signature you provided. Check your"
            " AWS Secret Access Key and signing method. Consult the service documentation for details.",
        )


def canonical_request(request: SignedRequest, claim: Claim) -> str:
    pairs = [pair for pair in _raw_pairs(request.query) if pair[0] != "X-Amz-Signature"]
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in claim.signed_headers
    )
    return "\n".join(
        (
            request.method.upper(),
            quote(request.path, safe="/~"),  # encoded a second time, as every service but S3 wants it
            "&".join(f"{name}={value}" for name, value in sorted(pairs)),
            headers,
            ";".join(claim.signed_headers),
            hashlib.sha256(request.body).hexdigest(),  # of what came, whatever a header says of it
        )
    )


def _check_time(claim: Claim, now: datetime) -> None:
    latest = claim.signed_at + (claim.valid_for if claim.valid_for is not None else MAX_SKEW)
    if now > latest:
        raise BadSignature(
            Refusal.INVALID,
            f"Signature expired: {claim.timestamp} is now earlier than"
            f" {(now - MAX_SKEW).strftime(_TIMESTAMP)} ({now.strftime(_TIMESTAMP)} - 5 min.)",
        )
    if now < claim.signed_at - MAX_SKEW:
        raise BadSignature(
            Refusal.INVALID,
            f"Signature not yet current: {claim.timestamp} is still later than"
            f" {(now + MAX_SKEW).strftime(_TIMESTAMP)} ({now.strftime(_TIMESTAMP)} + 5 min.)",
        )


def _read_presigned(parameters: Mapping[str, str]) -> Claim:
    if parameters.get("X-Amz-Algorithm") != ALGORITHM:
        raise BadSignature(Refusal.INCOMPLETE, f"X-Amz-Algorithm must be {ALGORITHM}.")
    try:
        valid_for = timedelta(seconds=int(parameters.get("X-Amz-Expires", "")))
    except (ValueError, OverflowError):
        raise BadSignature(Refusal.INCOMPLETE, "X-Amz-Expires must be a number of seconds.") from None
    if not timedelta(0) < valid_for <= MAX_PRESIGNED:
        raise BadSignature(Refusal.INCOMPLETE, "X-Amz-Expires must be at most a week.")
    return _claim(
        parameters.get("X-Amz-Credential", ""),
        parameters.get("X-Amz-SignedHeaders", ""),
        parameters["X-Amz-Signature"],
        parameters.get("X-Amz-Date", ""),
        valid_for,
    )


def _claim(
    credential: str, headers: str, signature: str, timestamp: str, valid_for: timedelta | None
) -> Claim:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not all(parts) or parts[4] != "aws4_request":
        raise BadSignature(Refusal.INCOMPLETE, "Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request.")
    try:
        signed_at = datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise BadSignature(
            Refusal.INCOMPLETE, "X-Amz-Date must be there, in the form YYYYMMDDTHHMMSSZ."
        ) from None
    if parts[1] != timestamp[:8]:
        raise BadSignature(
            Refusal.INVALID, "Date in Credential scope does not match YYYYMMDD from X-Amz-Date."
        )
    access_key_id, date, region, service, _ = parts
    return Claim(
        access_key_id,
        date,
        region,
        service,
        tuple(headers.split(";")),
        signature,
        timestamp,
        signed_at,
        valid_for,
    )


def _raw_pairs(query: str) -> list[tuple[str, str]]:
    """Names and values encoded the canonical way, whatever way they were sent in."""
    return [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in _query_pairs(query)]


def _query_pairs(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]
