"""The trust store of an mTLS endpoint: CAs whose clients may send, and the CRLs of these CAs.

    read(ca_content, crl_content) ─► Contents, what is in it, and every flaw
    Contents.trusted_at(now)      ─► Trust, what sessions go by
    Contents.expiries_at(now)     ─► what is worth a warning

A CA that has expired is left out, and so is one whose CRL has: of its clients nobody could say any more
who was revoked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# What cryptography raises for certificates and CRLs that it can't read.
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

MAX_CHARACTERS = 500_000  # of either PEM text: CAContent and CrlContent of the service model
WARNED_BEFORE = timedelta(days=90)
MAX_EXPIRIES = 10  # of either kind, as the service lists them

_BEGINNING = "-----BEGIN "
_MAX_LABEL = 40


class Kind(StrEnum):
    CA = "CA"
    CRL = "CRL"


_LABELS = {Kind.CA: ("CERTIFICATE", "X509 CERTIFICATE"), Kind.CRL: ("X509 CRL",)}


class FlawCode(StrEnum):
    EMPTY = "EMPTY"  # no PEM block in it
    TOO_LONG = "TOO_LONG"
    UNREADABLE = "UNREADABLE"  # of number
    CUT_OFF = "CUT_OFF"  # a block that does not end; number
    FOREIGN_BLOCK = "FOREIGN_BLOCK"  # number, detail: its label
    NO_AUTHORITY = "NO_AUTHORITY"  # a certificate that is no CA's; number, detail: its subject
    NO_ISSUER = "NO_ISSUER"  # a CRL that no CA of the bundle signed; number, detail: its issuer
    SECOND_LIST = "SECOND_LIST"  # one more CRL of the same CA; number, detail: its issuer
    NONE_TRUSTED = "NONE_TRUSTED"  # no CA is left that is valid now


@dataclass(frozen=True, slots=True)
class Flaw:
    """`number`: which block of the text, from 1; 0 of the text as a whole."""

    kind: Kind
    code: FlawCode
    number: int = 0
    detail: str = ""


class Validity(StrEnum):
    VALID = "VALID"
    ENDS_SOON = "ENDS_SOON"
    NOT_YET = "NOT_YET"
    EXPIRED = "EXPIRED"


def validity(begins_at: datetime, ends_at: datetime | None, now: datetime) -> Validity:
    if now < begins_at:
        return Validity.NOT_YET
    if ends_at is None:
        return Validity.VALID
    if now > ends_at:
        return Validity.EXPIRED
    return Validity.ENDS_SOON if ends_at - now <= WARNED_BEFORE else Validity.VALID


@dataclass(frozen=True)
class RevocationList:
    """`ends_at`: the next update; None where the CA names none."""

    number: int
    issuer: str
    begins_at: datetime
    ends_at: datetime | None
    serial_numbers: frozenset[int] = field(repr=False)


@dataclass(frozen=True)
class Authority:
    """A CA. `identity`: its name and key, which are what signs; a renewed certificate has the same."""

    number: int
    subject: str
    begins_at: datetime
    ends_at: datetime
    pem: str = field(repr=False)
    identity: tuple[bytes, bytes] = field(repr=False)
    revocations: RevocationList | None = None

    def is_trusted(self, now: datetime) -> bool:
        """A CRL whose time is over (or not yet come) takes its CA with it."""
        lists = self.revocations
        periods = [(self.begins_at, self.ends_at), *([(lists.begins_at, lists.ends_at)] if lists else [])]
        return all(
            validity(begins_at, ends_at, now) in (Validity.VALID, Validity.ENDS_SOON)
            for begins_at, ends_at in periods
        )


@dataclass(frozen=True, slots=True)
class Expiry:
    """What has ended, ends soon or has not begun. `at`: the end, or the beginning."""

    kind: Kind
    number: int
    subject: str
    validity: Validity
    at: datetime


@dataclass(frozen=True, slots=True)
class Trust:
    """What holds from `now` until `changes_at` (None: for good).

    `authorities` PEM, "" where no CA is left. `revoked`: identity of a CA → serial numbers that it
    took back. `removed`: identities of CAs that are in the bundle and not trusted.
    """

    authorities: str
    revoked: dict[tuple[bytes, bytes], frozenset[int]]
    removed: frozenset[tuple[bytes, bytes]]
    changes_at: datetime | None


@dataclass(frozen=True)
class Contents:
    """`authorities` in the bundle's order, each once."""

    authorities: tuple[Authority, ...]
    flaws: tuple[Flaw, ...]

    @cached_property
    def revocation_lists(self) -> tuple[RevocationList, ...]:
        """In the order of their text; one that serves several certificates of its CA is there once."""
        lists = {known.number: known for ca in self.authorities if (known := ca.revocations)}
        return tuple(lists[number] for number in sorted(lists))

    def trusted_at(self, now: datetime) -> Trust:
        trusted = [authority for authority in self.authorities if authority.is_trusted(now)]
        identities = {authority.identity for authority in trusted}
        changes = [
            moment
            for moments in (
                *((ca.begins_at, ca.ends_at) for ca in self.authorities),
                *((crl.begins_at, crl.ends_at) for crl in self.revocation_lists),
            )
            for moment in moments
            if moment is not None and moment >= now
        ]
        return Trust(
            authorities="".join(authority.pem for authority in trusted),
            revoked={ca.identity: ca.revocations.serial_numbers for ca in trusted if ca.revocations},
            removed=frozenset(ca.identity for ca in self.authorities) - identities,
            changes_at=min(changes, default=None),
        )

    def expiries_at(self, now: datetime) -> tuple[Expiry, ...]:
        """At most MAX_EXPIRIES of each kind, what has ended or ends first at the top."""
        return (
            *_expiries(Kind.CA, ((ca.number, ca.subject, ca) for ca in self.authorities), now),
            *_expiries(Kind.CRL, ((crl.number, crl.issuer, crl) for crl in self.revocation_lists), now),
        )


def _expiries(
    kind: Kind, items: Iterable[tuple[int, str, Authority | RevocationList]], now: datetime
) -> list[Expiry]:
    found = []
    for number, subject, item in items:
        state = validity(item.begins_at, item.ends_at, now)
        at = item.begins_at if state is Validity.NOT_YET else item.ends_at
        if state is not Validity.VALID and at is not None:
            found.append(Expiry(kind, number, subject, state, at))
    return sorted(found, key=lambda expiry: (expiry.at, expiry.number))[:MAX_EXPIRIES]


def read(ca_content: str, crl_content: str = "") -> Contents:
    """Never raises: what can't be read is a flaw. `crl_content` "": there is no CRL."""
    flaws: list[Flaw] = []
    certificates = list(_certificates(ca_content, flaws))
    lists = _revocation_lists(crl_content, certificates, flaws) if crl_content.strip() else {}
    known: dict[bytes, Authority] = {}
    for number, certificate in certificates:
        identity = identity_of(certificate)
        known.setdefault(
            certificate.public_bytes(Encoding.DER),
            Authority(
                number,
                name_of(certificate.subject),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
                certificate.public_bytes(Encoding.PEM).decode(),
                identity,
                lists.get(identity),
            ),
        )
    return Contents(tuple(known.values()), tuple(flaws))


def flaws_of(ca_content: str, crl_content: str, now: datetime) -> tuple[Flaw, ...]:
    """All that keeps these texts from being an endpoint's trust store."""
    too_long = [
        Flaw(kind, FlawCode.TOO_LONG)
        for kind, text in ((Kind.CA, ca_content), (Kind.CRL, crl_content))
        if len(text) > MAX_CHARACTERS
    ]
    if too_long:
        return tuple(too_long)
    contents = read(ca_content, crl_content)
    if not contents.flaws and not contents.trusted_at(now).authorities:
        return (Flaw(Kind.CA, FlawCode.NONE_TRUSTED),)
    return contents.flaws


# --- reading ----------------------------------------------------------------------------------------


def _certificates(text: str, flaws: list[Flaw]) -> Iterator[tuple[int, x509.Certificate]]:
    """The CAs among the blocks, with their numbers."""
    for number, block in _blocks(Kind.CA, text, flaws):
        try:
            certificate = x509.load_pem_x509_certificate(block)
            is_authority = _is_authority(certificate)
            identity_of(certificate)
            name_of(certificate.subject)
        except UNREADABLE:
            flaws.append(Flaw(Kind.CA, FlawCode.UNREADABLE, number))
            continue
        if is_authority:
            yield number, certificate
        else:
            flaws.append(Flaw(Kind.CA, FlawCode.NO_AUTHORITY, number, name_of(certificate.subject)))


def _is_authority(certificate: x509.Certificate) -> bool:
    """RFC 5280 §4.2.1.9, §4.2.1.3."""
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
    return is_ca and usage.key_cert_sign


def _revocation_lists(
    text: str, certificates: list[tuple[int, x509.Certificate]], flaws: list[Flaw]
) -> dict[tuple[bytes, bytes], RevocationList]:
    """From a CA's identity to its CRL."""
    lists: dict[tuple[bytes, bytes], RevocationList] = {}
    for number, block in _blocks(Kind.CRL, text, flaws):
        try:
            crl = x509.load_pem_x509_crl(block)
            issuer = name_of(crl.issuer)
            found = RevocationList(
                number,
                issuer,
                crl.last_update_utc,
                crl.next_update_utc,
                frozenset(revoked.serial_number for revoked in crl),
            )
        except UNREADABLE:
            flaws.append(Flaw(Kind.CRL, FlawCode.UNREADABLE, number))
            continue
        identities = {identity_of(ca) for _, ca in certificates if _is_signed_by(crl, ca)}
        if not identities:
            flaws.append(Flaw(Kind.CRL, FlawCode.NO_ISSUER, number, issuer))
        for identity in identities:
            if identity in lists:
                flaws.append(Flaw(Kind.CRL, FlawCode.SECOND_LIST, number, issuer))
            else:
                lists[identity] = found
    return lists


def _is_signed_by(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    if crl.issuer != certificate.subject:
        return False
    try:
        return crl.is_signature_valid(cast(CertificateIssuerPublicKeyTypes, certificate.public_key()))
    except (TypeError, *UNREADABLE):  # TypeError: a key of a kind that can't sign
        return False


def _blocks(kind: Kind, text: str, flaws: list[Flaw]) -> Iterator[tuple[int, bytes]]:
    """The blocks of the kind's label, numbered among all (RFC 7468 §3; text between them is explanation)."""
    number, at = 0, text.find(_BEGINNING)
    if at < 0:
        flaws.append(Flaw(kind, FlawCode.EMPTY))
    while at >= 0:
        number += 1
        following = text.find(_BEGINNING, at + 1)
        block = text[at : following if following >= 0 else None]
        label = block[len(_BEGINNING) :].partition("-----")[0]
        end = block.find(ending := f"-----END {label}-----")
        if end < 0:
            flaws.append(Flaw(kind, FlawCode.CUT_OFF, number))
        elif label not in _LABELS[kind]:
            flaws.append(Flaw(kind, FlawCode.FOREIGN_BLOCK, number, label[:_MAX_LABEL]))
        else:
            yield number, block[: end + len(ending)].encode("utf-8", "replace")
        at = following


def identity_of(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """Name and key. UNREADABLE for keys of unknown kinds."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.subject.public_bytes(), key


def name_of(name: x509.Name) -> str:
    """As RFC 4514 writes it, in one line whatever is in it."""
    return "".join(character if character.isprintable() else "�" for character in name.rfc4514_string())
