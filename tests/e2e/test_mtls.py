"""An mTLS endpoint of the whole product: made at the console, used by clients that know nothing of us."""

import smtplib
import subprocess

import pytest

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.rulesets.documents import certificate, mailbox, rule
from tests.servers.certificates import client_context, crl_of, issued, pem_of
from tests.servers.process import wait_until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def partner(product, ca):
    """Mail of the client named mailer goes to partner-1, all other to partner-2."""
    product.mailbox("partner-1")
    product.mailbox("partner-2")
    rules = [
        rule(mailbox("partner-1"), {"Drop": {}}, when=certificate("CN", "EQUALS", "mailer")),
        rule(mailbox("partner-2")),
    ]
    return product.endpoint("partner", rules, type="MTLS", ca_content=pem_of(ca))


def _send(endpoint, subject, shown=None) -> str:
    """By smtplib: "250", or what it was told instead."""
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE_SECONDS) as client:
        client.ehlo("client.example")
        try:
            client.starttls(context=client_context(certificate=shown))
            client.sendmail("a@x.example", ["b@y.example"], letter(subject))
        except smtplib.SMTPSenderRefused as refused:
            return f"{refused.smtp_code} {bytes(refused.smtp_error).decode()}"
        except OSError as error:
            return type(error).__name__
    return "250"


def test_rules_ask_about_the_certificate_and_the_trace_shows_it(product, partner, ca):
    assert _send(partner, "by mailer", issued(ca, "mailer@x.example", common_name="mailer")) == "250"
    assert _send(partner, "by another", issued(ca, "other@x.example", common_name="another")) == "250"
    assert product.arrived("partner-1")[0]["Subject"] == "by mailer"
    assert product.arrived("partner-2")[0]["Subject"] == "by another"
    rows = product.system.rows(
        "SELECT client_certificate FROM mailflow_messagetrace WHERE endpoint_id = ?", partner.id
    )
    assert sum("CN=mailer" in subject for (subject,) in rows) == 1


def test_smtplib_is_told_what_it_lacks(partner):
    assert _send(partner, "without") == str(reply.CLIENT_CERTIFICATE_REQUIRED)


def test_a_crl_saved_at_the_console_holds_for_the_next_session(product, partner, ca, console):
    shown = issued(ca, "leaving@x.example")
    assert _send(partner, "last", shown) == "250"
    typed = {"ca_content": pem_of(ca), "crl_content": crl_of(ca, shown)}
    answer = console.post(f"/ingress-endpoints/{partner.id}/trust-store", data=typed)
    assert answer.url.path == f"/ingress-endpoints/{partner.id}", answer.text
    wait_until(
        lambda: _send(partner, "too late", shown) != "250", "revoked", timeout_seconds=PATIENCE_SECONDS
    )
    assert _send(partner, "still", issued(ca, "staying@x.example")) == "250"


@pytest.mark.needs("swaks")
def test_swaks_sends_with_a_certificate(product, partner, ca, tmp_path):
    shown, pem = issued(ca, "swaks@x.example"), tmp_path / "client.pem"
    pem.write_bytes(shown.private_key_and_cert_chain_pem.bytes())
    command = ["swaks", "--server", partner.host, "--port", str(partner.port), "--tls", "--to", "b@y.example"]
    printed = subprocess.run(
        [*command, "--tls-cert", str(pem), "--tls-key", str(pem)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    product.wait_for_outcome(message_id_in(printed.stdout), "DELIVERED")
