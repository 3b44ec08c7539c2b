"""mTLS endpoints: who shows a certificate that the trust store vouches for sends mail, and nobody else."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core import reply
from core.envelope import CertificateAttribute, ClientCertificate, Envelope
from endpoints.logic.snapshot import EndpointType, ServedEndpoint, TrustStore
from ingress import tls_contexts
from ingress.logic.client_certificates import described
from tests.ingress.machine import served
from tests.ingress.serving import Ingress
from tests.servers.certificates import DAY, authority, bundle, client_context, crl_of, issued, leaf_of, pem_of
from tests.servers.dial import Peer
from tests.servers.process import wait_until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
TRANSACTION = ("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")


@pytest.fixture(scope="module")
def other() -> trustme.CA:
    return trustme.CA(organization_name="Other")


def mtls(ca_content: str, crl_content: str = "") -> ServedEndpoint:
    return served(
        type=EndpointType.MTLS, is_tls_required=True, trust_store=TrustStore(ca_content, crl_content)
    )


def delivers(peer: Peer) -> bool:
    peer.says(*TRANSACTION)
    return peer.sends_message(b"Subject: x\r\n\r\nx\r\n").code == 250


def is_let_in(dial, ingress: Ingress, context: ssl.SSLContext) -> bool:
    """Whether a message got through, by whatever way it did not."""
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        try:
            peer.starts_tls(context)
            return delivers(peer)
        except (ssl.SSLError, OSError):
            return False


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_of_a_trusted_ca_sends_mail(make_ingress, dial, ca, version):
    ingress = make_ingress(mtls(pem_of(ca)))
    certificate = issued(ca, "me@x.example", common_name="mailer")
    assert is_let_in(dial, ingress, client_context(certificate=certificate, version=version))
    (envelope, _content) = ingress.stored[0]
    assert envelope.client_certificate is not None
    assert "CN=mailer" in envelope.client_certificate.subject


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_certificate_the_client_is_told_so(make_ingress, dial, ca, version):
    ingress = make_ingress(mtls(pem_of(ca)))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(client_context(version=version))
        assert peer.says("EHLO c.example").code == 250
        for command in ("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA", "BDAT 0 LAST", "HELO c"):
            peer.says(command)
            assert peer.heard(reply.CLIENT_CERTIFICATE_REQUIRED)
        ingress.serve(mtls(pem_of(ca)), served(id="inp-2", addresses=("127.0.0.2",)))
        peer.says("MAIL FROM:<a@x.example>")
        assert peer.heard(reply.CLIENT_CERTIFICATE_REQUIRED)
        assert peer.says("QUIT").code == 221
    assert not ingress.stored


@pytest.mark.parametrize("version", VERSIONS)
def test_a_revoked_certificate_is_told_so(make_ingress, dial, ca, version):
    revoked, good = issued(ca, "out@x.example"), issued(ca, "in@x.example")
    ingress = make_ingress(mtls(pem_of(ca), crl_of(ca, revoked)))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(client_context(certificate=revoked, version=version))
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        assert peer.heard(reply.CLIENT_CERTIFICATE_REFUSED)
    assert is_let_in(dial, ingress, client_context(certificate=good, version=version))
    assert len(ingress.stored) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_other_certificates_get_no_further_than_the_handshake(make_ingress, dial, ca, other, version):
    ingress = make_ingress(mtls(pem_of(ca)))
    for certificate in (issued(other, "me@x.example"), issued(ca, "me@x.example", expired=True)):
        assert not is_let_in(dial, ingress, client_context(certificate=certificate, version=version))
    assert not ingress.stored
    assert is_let_in(dial, ingress, client_context(certificate=issued(ca, "me@x.example")))


def test_nothing_is_taken_in_the_clear_and_there_is_no_auth(make_ingress, dial, ca):
    ingress = make_ingress(mtls(pem_of(ca)))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        assert peer.offers("STARTTLS")
        assert not peer.offers("AUTH")
        assert peer.says("MAIL FROM:<a@x.example>").code == 530
    assert len(ingress.ports) == 1


def test_an_expired_ca_in_the_bundle_disturbs_nobody(make_ingress, dial, ca):
    ingress = make_ingress(mtls(bundle(authority("old", expires_in=-DAY), ca)))
    assert is_let_in(dial, ingress, client_context(certificate=issued(ca, "me@x.example")))


def test_an_expired_crl_locks_out_the_clients_of_its_ca_alone(make_ingress, dial, ca, other):
    ingress = make_ingress(mtls(bundle(ca, other), crl_of(ca, expires_in=-DAY)))
    assert not is_let_in(dial, ingress, client_context(certificate=issued(ca, "me@x.example")))
    assert is_let_in(dial, ingress, client_context(certificate=issued(other, "me@x.example")))


def test_an_endpoint_with_no_valid_ca_lets_nobody_in(make_ingress, dial, ca):
    ingress = make_ingress(mtls(bundle(ca), crl_of(ca, expires_in=-DAY)))
    assert not is_let_in(dial, ingress, client_context(certificate=issued(ca, "me@x.example")))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(client_context())
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        assert peer.heard(reply.CLIENT_CERTIFICATE_REQUIRED)


def test_an_intermediate_ca_may_be_trusted_without_its_root(make_ingress, dial, ca):
    child = ca.create_child_ca()
    ingress = make_ingress(mtls(pem_of(child)))
    assert is_let_in(dial, ingress, client_context(certificate=issued(child, "me@x.example")))
    assert not is_let_in(dial, ingress, client_context(certificate=issued(ca, "me@x.example")))


def test_clients_of_an_intermediate_ca_that_is_not_trusted_now_are_out_though_its_root_is(
    make_ingress, dial, ca
):
    child = ca.create_child_ca()
    certificate = issued(child, "me@x.example")
    assert is_let_in(dial, make_ingress(mtls(pem_of(ca))), client_context(certificate=certificate))
    ingress = make_ingress(mtls(bundle(ca, child), crl_of(child, expires_in=-DAY)))
    assert not is_let_in(dial, ingress, client_context(certificate=certificate))


def test_clients_of_an_intermediate_ca_that_was_revoked_are_out(make_ingress, dial, ca):
    revoked, good = ca.create_child_ca(), ca.create_child_ca()
    ingress = make_ingress(mtls(pem_of(ca), crl_of(ca, revoked)))
    assert not is_let_in(dial, ingress, client_context(certificate=issued(revoked, "me@x.example")))
    assert is_let_in(dial, ingress, client_context(certificate=issued(good, "me@x.example")))


def test_a_crl_that_ends_while_the_ingress_runs_locks_its_clients_out(make_ingress, dial, ca, monkeypatch):
    monkeypatch.setattr(tls_contexts, "_KEPT_SECONDS", 0.0)
    ingress = make_ingress(mtls(pem_of(ca), crl_of(ca, expires_in=timedelta(seconds=4))))
    context = client_context(certificate=issued(ca, "me@x.example"))
    assert is_let_in(dial, ingress, context)
    wait_until(lambda: not is_let_in(dial, ingress, context), "locked out", timeout_seconds=30)


def test_a_changed_trust_store_holds_for_the_next_session_and_not_for_one_under_way(
    make_ingress, dial, ca, other
):
    ingress = make_ingress(mtls(pem_of(ca)))
    context = client_context(certificate=issued(ca, "me@x.example"))
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        peer.starts_tls(context)
        ingress.serve(mtls(pem_of(other)))
        assert delivers(peer)
    assert not is_let_in(dial, ingress, context)
    assert is_let_in(dial, ingress, client_context(certificate=issued(other, "me@x.example")))


# --- resumption -----------------------------------------------------------------------------------


def _resumes(
    dial, ingress: Ingress, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bool, ssl.SSLSession]:
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        assert peer.says("STARTTLS").code == 220
        peer.socket = context.wrap_socket(peer.socket, session=session)
        assert delivers(peer)
        assert peer.socket.session is not None
        return bool(peer.socket.session_reused), peer.socket.session


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_is_still_the_clients(make_ingress, dial, ca, version):
    ingress = make_ingress(mtls(pem_of(ca), crl_of(ca)))
    context = client_context(certificate=issued(ca, "me@x.example"), version=version)
    _, session = _resumes(dial, ingress, context, None)
    is_reused, _ = _resumes(dial, ingress, context, session)
    assert is_reused
    first, second = (envelope.client_certificate for envelope, _ in ingress.stored)
    assert first == second is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_not_resumed_under_another_trust_store(make_ingress, dial, ca, version):
    certificate = issued(ca, "me@x.example")
    ingress = make_ingress(mtls(pem_of(ca)))
    context = client_context(certificate=certificate, version=version)
    _, session = _resumes(dial, ingress, context, None)
    ingress.serve(mtls(pem_of(ca), crl_of(ca, certificate)))
    with dial(ingress) as peer:
        peer.says("EHLO c.example", "STARTTLS")
        peer.socket = context.wrap_socket(peer.socket, session=session)
        assert not peer.socket.session_reused
        peer.says("EHLO c.example", "MAIL FROM:<a@x.example>")
        assert peer.heard(reply.CLIENT_CERTIFICATE_REFUSED)


def test_sessions_of_other_endpoints_are_resumed_too(make_ingress, dial):
    ingress, context = make_ingress(served()), client_context()
    _, session = _resumes(dial, ingress, context, None)
    is_reused, _ = _resumes(dial, ingress, context, session)
    assert is_reused
    assert ingress.stored[0][0].client_certificate is None


# --- attributes -----------------------------------------------------------------------------------


def test_what_rules_can_ask_about_is_in_the_envelope(make_ingress, dial, ca):
    certificate = issued(ca, "me@x.example", "mx.x.example", "192.0.2.1", common_name="mailer")
    ingress = make_ingress(mtls(pem_of(ca)))
    assert is_let_in(dial, ingress, client_context(certificate=certificate))
    envelope = ingress.stored[0][0]
    assert envelope.client_certificate is not None
    serial = envelope.client_certificate.attributes[CertificateAttribute.SERIAL_NUMBER][0]
    assert int(serial, 16) == leaf_of(certificate).serial_number
    assert dict(envelope.client_certificate.attributes) == {
        "CN": ("mailer",),
        "SAN_RFC822_NAME": ("me@x.example",),
        "SAN_DNS_NAME": ("mx.x.example",),
        "SAN_IP_ADDRESS": ("192.0.2.1",),
        "SERIAL_NUMBER": (serial,),
    }
    assert Envelope.from_document(envelope.to_document()) == envelope


def test_every_kind_of_alternative_name_is_read():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\nb")])
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier("https://x.example/"),
        x509.DirectoryName(name),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .serial_number(0xABC)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    assert described(certificate) == ClientCertificate(
        "CN=a�b",
        {
            "CN": ("a\nb",),
            "SERIAL_NUMBER": ("0ABC",),
            "SAN_UNIFORM_RESOURCE_IDENTIFIER": ("https://x.example/",),
            "SAN_DIRECTORY_NAME": ("CN=a�b",),
            "SAN_REGISTERED_ID": ("1.2.3.4",),
        },
    )
