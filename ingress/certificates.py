"""Certificates for STARTTLS: the configured one, or one for each host name from a CA of our own.

The CA and what it issued lie in `<data dir>/tls`, keys with mode 0600. A client that shall verify
them is given `ca.pem`.
"""

import contextlib
import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

log = structlog.get_logger()

CA_LIFETIME = timedelta(days=3650)
# As long as public CAs may issue for (CA/Browser Forum, 398 days); made anew when a third is left.
CERTIFICATE_LIFETIME = timedelta(days=397)
_RENEWED_BEFORE = CERTIFICATE_LIFETIME / 3
_CLOCK_SKEW = timedelta(hours=1)
_MAX_COMMON_NAME = 64  # X.520 ub-common-name; the name that counts is in subjectAltName


class Certificates:
    """`context_for` a host name: kept in memory, renewed in time, re-read when configured files change.

    Reads and writes files and makes keys: not for the event loop. One caller at a time.
    """

    def __init__(self, folder: Path, *, cert_file: str = "", key_file: str = "") -> None:
        self._folder = folder
        self._cert_file = cert_file
        self._key_file = key_file or cert_file
        self._configured: tuple[tuple[int, ...], ssl.SSLContext] | None = None
        self._made: dict[str, tuple[datetime, ssl.SSLContext]] = {}

    def context_for(self, host_name: str) -> ssl.SSLContext:
        """OSError (ssl.SSLError too) where there is no usable certificate."""
        return self._configured_context() if self._cert_file else self._made_context(host_name)

    def new_context_for(self, host_name: str) -> ssl.SSLContext:
        """One of the caller's own, with the same certificate. After `context_for`; the same errors."""
        if self._cert_file:
            return server_context(self._cert_file, self._key_file)
        path = str(self._folder / f"{host_name}.pem")
        return server_context(path, path)

    def prepare(self) -> None:
        """Make the CA where one is needed: a client may be told whom to trust before the first one comes."""
        if self._cert_file:
            return
        try:
            self._authority()
        except OSError as error:
            log.error("certificate_authority_not_made", reason=str(error))

    def _configured_context(self) -> ssl.SSLContext:
        """Files changed by halves (certificate before key) leave the former pair in use."""
        try:
            stamp = tuple(
                number
                for name in (self._cert_file, self._key_file)
                for number in (os.stat(name).st_mtime_ns, os.stat(name).st_size, os.stat(name).st_ino)
            )
            if self._configured is None or self._configured[0] != stamp:
                self._configured = stamp, server_context(self._cert_file, self._key_file)
                log.info("certificate_loaded", path=self._cert_file)
        except OSError as error:
            if self._configured is None:
                raise
            log.error("certificate_not_loaded", path=self._cert_file, error=str(error))
        return self._configured[1]

    def _made_context(self, host_name: str) -> ssl.SSLContext:
        now = datetime.now(UTC)
        if (made := self._made.get(host_name)) and now < made[0]:
            return made[1]
        path = self._folder / f"{host_name}.pem"
        renewed_at = _renewal_of(path)
        if renewed_at is None or renewed_at <= now:
            self._issue(host_name, path)
            renewed_at = now + CERTIFICATE_LIFETIME - _RENEWED_BEFORE
        context = server_context(str(path), str(path))
        self._made[host_name] = renewed_at, context
        return context

    def _issue(self, host_name: str, path: Path) -> None:
        ca_certificate, ca_key = self._authority()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(host_name[:_MAX_COMMON_NAME], CERTIFICATE_LIFETIME, key.public_key())
            .issuer_name(ca_certificate.subject)
            .add_extension(x509.SubjectAlternativeName([_general_name(host_name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
            )
            .sign(ca_key, hashes.SHA256())
        )
        _write_privately(path, _pem(key) + _pem(certificate) + _pem(ca_certificate))
        log.info("certificate_issued", host_name=host_name)

    def _authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """The CA, made on first use. Several processes may want it at once: the first file stays."""
        key_path, path = self._folder / "ca-key.pem", self._folder / "ca.pem"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                _builder("Mail Manager local CA", CA_LIFETIME, key.public_key())
                .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mail Manager local CA")]))
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_CA_KEY_USAGE, critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(key, hashes.SHA256())
            )
            _write_privately(key_path, _pem(key) + _pem(certificate), keeps_former=True)
        content = key_path.read_bytes()
        key_read = serialization.load_pem_private_key(content, password=None)
        assert isinstance(key_read, ec.EllipticCurvePrivateKey), "the CA's key is ours"
        certificate_read = x509.load_pem_x509_certificate(content)
        if not path.exists():
            _write_privately(path, _pem(certificate_read))
        return certificate_read, key_read


def server_context(cert_file: str, key_file: str) -> ssl.SSLContext:
    """TLS 1.2 and 1.3, sessions resumed by tickets. OSError, ssl.SSLError where the files won't do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 1  # a mail client asks for the next one with the next connection
    context.load_cert_chain(cert_file, key_file)
    return context


_CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    common_name: str, lifetime: timedelta, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .public_key(key)
    )


def _general_name(host_name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host_name))
    except ValueError:
        return x509.DNSName(host_name)


def _renewal_of(path: Path) -> datetime | None:
    """When the certificate in `path` is to be made anew; None where there is none that can be read."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    return certificate.not_valid_after_utc - _RENEWED_BEFORE


def _pem(item: ec.EllipticCurvePrivateKey | x509.Certificate) -> bytes:
    if isinstance(item, x509.Certificate):
        return item.public_bytes(serialization.Encoding.PEM)
    return item.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_privately(path: Path, content: bytes, *, keeps_former: bool = False) -> None:
    """Whole or not at all, mode 0600. `keeps_former`: a file that another process made first stays."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if keeps_former:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        else:
            os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
