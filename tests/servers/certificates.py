"""CAs, CRLs and client certificates as a test needs them: valid, over, revoked."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def pem_of(ca: trustme.CA) -> str:
    return ca.cert_pem.bytes().decode()


def certificate_of(ca: trustme.CA) -> x509.Certificate:
    return x509.load_pem_x509_certificate(ca.cert_pem.bytes())


def issued(ca: trustme.CA, *names: str, expired: bool = False, **options: Any) -> trustme.LeafCert:
    """A client's certificate; `expired`: since yesterday."""
    now = datetime.now(UTC)
    if expired:
        return ca.issue_cert(*names, not_before=now - 30 * DAY, not_after=now - DAY, **options)
    return ca.issue_cert(*names, **options)


def leaf_of(issued_certificate: trustme.LeafCert) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued_certificate.cert_chain_pems[0].bytes())


def crl_of(ca: trustme.CA, *revoked: trustme.LeafCert | trustme.CA, expires_in: timedelta = 200 * DAY) -> str:
    """PEM, signed by `ca`."""
    begins_at = datetime.now(UTC) - 300 * DAY
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate_of(ca).subject)
        .last_update(begins_at)
        .next_update(datetime.now(UTC) + expires_in)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(
                (certificate_of(one) if isinstance(one, trustme.CA) else leaf_of(one)).serial_number
            )
            .revocation_date(begins_at)
            .build()
        )
    key = load_pem_private_key(ca.private_key_pem.bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def authority(name: str, *, begins_in: timedelta = -10 * DAY, expires_in: timedelta = 365 * DAY) -> str:
    """PEM of a CA that nobody has the key of."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins_in)
        .not_valid_after(now + expires_in)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def client_context(
    server_ca: trustme.CA | None = None,
    certificate: trustme.LeafCert | None = None,
    *,
    version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """A client that shows `certificate`; it trusts whomever it meets unless told a CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if server_ca else ssl.CERT_NONE
    if server_ca:
        server_ca.configure_trust(context)
    if certificate:
        certificate.configure_cert(context)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def bundle(*authorities: trustme.CA | str) -> str:
    return "".join(one if isinstance(one, str) else pem_of(one) for one in authorities)
