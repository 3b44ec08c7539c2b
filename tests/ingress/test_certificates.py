"""Certificates: of our own CA for each host name, or configured and read again when they change."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from core import reply
from ingress import certificates
from ingress.certificates import Certificates
from tests.ingress.machine import HOST_NAME, served

OTHER = "mnopqrstuvwx.fghij.mail-manager-smtp.example"


def test_our_ca_issues_what_a_client_that_trusts_it_verifies(make_ingress, dial, tmp_path):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(_untrusting(), server_name=HOST_NAME)  # makes the CA
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.pem"))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(trusting, server_name=HOST_NAME)
        assert peer.socket.version() == "TLSv1.3"
        assert peer.says("EHLO c.example").code == 250
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            peer.starts_tls(trusting, server_name=OTHER)


def test_keys_are_for_their_owner_only_and_one_ca_serves_all(tmp_path):
    Certificates(tmp_path / "tls").context_for(HOST_NAME)
    Certificates(tmp_path / "tls").context_for(OTHER)
    files = {path.name: path for path in (tmp_path / "tls").iterdir()}
    assert set(files) == {"ca.pem", "ca-key.pem", f"{HOST_NAME}.pem", f"{OTHER}.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    issuers = [
        x509.load_pem_x509_certificate(files[f"{name}.pem"].read_bytes()) for name in (HOST_NAME, OTHER)
    ]
    ca = x509.load_pem_x509_certificate(files["ca.pem"].read_bytes())
    for certificate in issuers:
        certificate.verify_directly_issued_by(ca)


def test_a_certificate_that_nears_its_end_is_made_anew(tmp_path, monkeypatch):
    made = Certificates(tmp_path / "tls")
    made.context_for(HOST_NAME)
    path = tmp_path / "tls" / f"{HOST_NAME}.pem"
    first = path.read_bytes()
    Certificates(tmp_path / "tls").context_for(HOST_NAME)
    assert path.read_bytes() == first
    later = datetime.now(UTC) + timedelta(days=300)
    monkeypatch.setattr(
        certificates, "datetime", type("Later", (), {"now": staticmethod(lambda zone: later)})
    )
    made.context_for(HOST_NAME)
    assert path.read_bytes() != first


def _write_pair(folder: Path, ca: trustme.CA, *names: str) -> tuple[str, str]:
    pair = ca.issue_cert(*names)
    pair.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_configured_files_are_read_again_when_they_change(tmp_path, ca):
    cert, key = _write_pair(tmp_path, ca, "one.example")
    configured = Certificates(tmp_path / "tls", cert_file=cert, key_file=key)
    first = configured.context_for(HOST_NAME)
    assert configured.context_for(OTHER) is first
    _write_pair(tmp_path, ca, "two.example")
    second = configured.context_for(HOST_NAME)
    assert second is not first
    Path(key).write_text("half written")
    assert configured.context_for(HOST_NAME) is second
    assert not (tmp_path / "tls").exists()


def test_configured_files_that_are_not_there_make_starttls_unavailable(make_ingress, dial, tmp_path):
    ingress = make_ingress(served(), tls_cert=str(tmp_path / "missing.pem"))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        assert peer.says("STARTTLS").lines == (str(reply.TLS_UNAVAILABLE),)
        assert peer.says("NOOP").code == 250


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            peer.starts_tls(_only(ssl.TLSVersion.TLSv1_1))


def test_tls_1_2_is_spoken_and_told(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(_only(ssl.TLSVersion.TLSv1_2))
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        assert peer.sends_message(b"text\r\n").code == 250
    assert ingress.stored[0][0].tls_version == "TLS1_2"


def test_sessions_are_resumed(make_ingress, dial):
    ingress = make_ingress(served())
    context = _untrusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    sessions: list[ssl.SSLSession | None] = []
    for _ in range(2):
        with dial(ingress) as peer:
            peer.says("EHLO c.example", "STARTTLS")
            peer.socket = context.wrap_socket(
                peer.socket, server_hostname=HOST_NAME, session=sessions[0] if sessions else None
            )
            sessions.append(peer.socket.session)
            resumed = peer.socket.session_reused
    assert resumed


def test_commands_sent_in_the_clear_behind_starttls_are_never_run(make_ingress, dial):
    """CVE-2011-0411, over a real socket."""
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.sends(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@x.example>\r\n")
        assert peer.hears().code == 220
        peer.socket = _untrusting().wrap_socket(peer.socket, server_hostname=HOST_NAME)
        assert peer.says("RCPT TO:<b@y.example>").lines == (str(reply.NEED_MAIL),)


def test_a_handshake_that_never_comes_ends(make_ingress, dial):
    ingress = make_ingress(served(), handshake_timeout_seconds=0.2)
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "STARTTLS")
        assert peer.is_closed


def test_garbage_instead_of_a_handshake_ends_the_connection(make_ingress, dial):
    ingress = make_ingress(served())
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "STARTTLS")
        peer.sends(os.urandom(100).replace(b"\x16", b"x"))
        while peer.socket.recv(1000):  # a TLS alert may come first
            pass
    with dial(ingress) as peer:
        assert peer.heard(220)


def _untrusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _only(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = _untrusting()
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
