"""A client certificate that TLS has verified against the trust store: what speaks against it still, and
what rules may ask about it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from core.envelope import CertificateAttribute, ClientCertificate
from endpoints.logic.trust_store import Trust, identity_of, name_of

_MAX_VALUES = 50  # of each attribute: they go into the envelope of every message of the session
_MAX_CHARACTERS = 1000


def objection(chain: Sequence[x509.Certificate], trust: Trust, now: datetime) -> str:
    """Why the client is not let in, for our log; "" where nothing speaks against it.

    `chain`: the client's certificate, then who issued each, up to a CA of the trust store; of a resumed
    session the first alone, the rest was looked at when it began. UNREADABLE for certificates that can't
    be read.
    """
    client = chain[0]
    if not client.not_valid_before_utc <= now <= client.not_valid_after_utc:
        return "the certificate has expired"
    for certificate, issuer in pairwise(chain):
        identity = identity_of(issuer)
        if identity in trust.removed:
            return f"{name_of(issuer.subject)} is not trusted now: it or its CRL has expired"
        if certificate.serial_number in trust.revoked.get(identity, ()):
            return f"{name_of(certificate.subject)} was revoked by {name_of(issuer.subject)}"
    return ""


def described(certificate: x509.Certificate) -> ClientCertificate:
    """UNREADABLE where it can't be read."""
    attributes = {
        CertificateAttribute.CN: [
            str(attribute.value)
            for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ],
        # DEVIATION: the service does not say how it writes the number; this is what OpenSSL shows.
        CertificateAttribute.SERIAL_NUMBER: [_hexadecimal(certificate.serial_number)],
    }
    for name in _alternative_names(certificate):
        if kind := _KINDS.get(type(name)):
            attribute, write = kind
            attributes.setdefault(attribute, []).append(write(name.value))
    return ClientCertificate(
        name_of(certificate.subject)[:_MAX_CHARACTERS],
        {
            attribute.value: tuple(value[:_MAX_CHARACTERS] for value in values[:_MAX_VALUES])
            for attribute, values in attributes.items()
            if values
        },
    )


def _alternative_names(certificate: x509.Certificate) -> Sequence[x509.GeneralName]:
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def _hexadecimal(number: int) -> str:
    text = f"{number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


_KINDS: dict[type[x509.GeneralName], tuple[CertificateAttribute, Callable[[Any], str]]] = {
    x509.RFC822Name: (CertificateAttribute.SAN_RFC822_NAME, str),
    x509.DNSName: (CertificateAttribute.SAN_DNS_NAME, str),
    x509.DirectoryName: (CertificateAttribute.SAN_DIRECTORY_NAME, name_of),
    x509.UniformResourceIdentifier: (CertificateAttribute.SAN_UNIFORM_RESOURCE_IDENTIFIER, str),
    x509.IPAddress: (CertificateAttribute.SAN_IP_ADDRESS, str),
    x509.RegisteredID: (CertificateAttribute.SAN_REGISTERED_ID, lambda oid: str(oid.dotted_string)),
}
