"""Mail from clients that know nothing of us: smtplib, swaks, Postfix; and what a stranger hears."""

import base64
import ipaddress
import smtplib
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.policies.documents import deny
from tests.policies.documents import recipient as to
from tests.rulesets.documents import bucket, mailbox, rule
from tests.servers.postfix import Postfix
from tests.servers.process import wait_until
from tests.servers.zone import serve_zone

pytestmark = [pytest.mark.timeout(600), pytest.mark.any_database]

PASSWORD = "s3cret-Word"
MAX_BYTES = 50_000


@pytest.fixture(scope="module")
def marketing(product):
    """An Open endpoint that refuses a recipient, takes no large mail, and keeps the rest."""
    product.mailbox("marketing")
    return product.endpoint(
        "marketing",
        [rule(mailbox("marketing"), name="keep")],
        statements=[deny(to("EQUALS", "nobody@marketing.example.com"))],
        max_message_size_bytes=MAX_BYTES,
    )


@pytest.fixture(scope="module")
def staff(product):
    """An Authenticated endpoint; its mail goes into a bucket."""
    product.desk.call("destinations.create_bucket", name="sent-by-staff")
    return product.endpoint(
        "staff", [rule(bucket("sent-by-staff"), name="copy")], type="AUTH", password=PASSWORD
    )


class _NamedServer(smtplib.SMTP):
    """smtplib as if its resolver knew `name`: TLS checks the certificate against it."""

    def __init__(self, name: str, address: tuple[str, int]) -> None:
        self._address = address
        super().__init__(name, address[1], timeout=PATIENCE_SECONDS)

    def _get_socket(self, host, port, timeout):
        return socket.create_connection(self._address, timeout)


@pytest.fixture
def reachable_folder():
    """For a server that gives up root's rights."""
    with tempfile.TemporaryDirectory(prefix="mm-postfix-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def emptied(product):
    """Nothing of the tests before is in the mailbox."""
    for path in (product.system.data_dir / "mailboxes" / "marketing" / "new").glob("*"):
        path.unlink()


# --- clients --------------------------------------------------------------------------------------


def test_smtplib_delivers_over_verified_tls_and_not_a_byte_is_changed(product, marketing, emptied):
    content = letter("Grüße", to="bob@marketing.example.com", body="one\r\n.\r\n..two\r\n\r\nthree \r\n")
    with _NamedServer(marketing.a_record, (marketing.host, marketing.port)) as client:
        client.ehlo("client.example")
        client.starttls(context=_context_of(product.system))
        client.sendmail("ann@example.org", ["bob@marketing.example.com"], content, ["BODY=8BITMIME"])
    product.arrived("marketing")
    (raw,) = product.stored("marketing")
    head, _, rest = raw.partition(b"From: Ann")
    assert b"From: Ann" + rest == content.replace(b"\r\n", b"\n")
    assert head.startswith(b"Return-Path: <ann@example.org>\nDelivered-To: bob@marketing.example.com\n")
    assert f"by {marketing.a_record} with ESMTPS\n\t(TLSv1.3, cipher ".encode() in head


@pytest.mark.needs("swaks")
def test_swaks_delivers_and_shows_the_id_that_the_trace_knows(product, marketing, emptied):
    printed = _swaks(marketing, "--tls", "--to", "bob@marketing.example.com", "--header", "Subject: by swaks")
    message_id = message_id_in(printed)
    (message,) = product.arrived("marketing")
    assert message["Subject"] == "by swaks"
    product.wait_for_outcome(message_id, "DELIVERED")


@pytest.mark.needs("swaks")
@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_swaks_submits_to_an_authenticated_endpoint(product, staff, mechanism):
    login = ["--auth", mechanism, "--auth-user", staff.id, "--auth-password", PASSWORD]
    printed = _swaks(staff, "--port", str(staff.submission_port), "--tls", *login, "--to", "bob@example.com")
    message_id = message_id_in(printed)
    wait_until(
        lambda: message_id in {path.name for path in product.objects("sent-by-staff")},
        "the message in the bucket",
        timeout_seconds=PATIENCE_SECONDS,
    )


@pytest.mark.needs("postfix", "root")
def test_postfix_finds_the_endpoint_by_mx_and_its_message_tells_its_story(
    product, marketing, console, emptied, reachable_folder
):
    pool = list(ipaddress.ip_network(product.system.environment["MAILMANAGER_ADDRESS_POOL"]).hosts())
    resolver, sender = str(pool[-1]), str(pool[-2])  # endpoints are given the first ones
    with (
        serve_zone(resolver, 53) as zone,
        Postfix(reachable_folder, address=sender, resolver=resolver) as postfix,
    ):
        zone.add("marketing.example.com", "MX", f"10 {marketing.a_record}.")
        zone.delegate("mail-manager-smtp.mailmanager.test", product.system.dns)
        with smtplib.SMTP(postfix.address, postfix.port, timeout=PATIENCE_SECONDS) as client:
            client.sendmail(
                "ann@example.org",
                ["bob@marketing.example.com"],
                letter("by MX", to="bob@marketing.example.com"),
            )
        wait_until(lambda: "status=" in postfix.log, "Postfix's delivery", timeout_seconds=PATIENCE_SECONDS)
        log = postfix.log
        wait_until(postfix.is_queue_empty, "Postfix's queue empty")
    assert ("marketing.example.com", "MX") in zone.questions
    assert (marketing.a_record, "A") in zone.questions
    assert f"relay={marketing.a_record}[{marketing.host}]:25" in log
    assert "status=sent" in log
    assert f"TLS connection established to {marketing.a_record}[{marketing.host}]:25" in log
    message_id = message_id_in(log)

    (message,) = product.arrived("marketing")
    assert message["Subject"] == "by MX"
    product.wait_for_outcome(message_id, "DELIVERED")
    page = console.get(f"/message-trace/{message_id}/").text
    story = [
        "Accepted for bob@marketing.example.com",
        "Rule “keep” matched bob@marketing.example.com",
        "Delivery to the mailbox done for bob@marketing.example.com: stored in mailbox marketing",
    ]
    assert [page.find(sentence) > 0 for sentence in story] == [True] * 3
    assert sorted(story, key=page.find) == story
    assert message_id in console.get("/message-trace/?sender=ann@example.org").text


# --- a conversation, byte for byte ----------------------------------------------------------------


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def ready(product, staff, dial):
    """Connected to the Authenticated endpoint's submission port, TLS and EHLO done."""
    with dial(staff.submission, timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO client.example")
        peer.starts_tls(_context_of(product.system), server_name=staff.a_record)
        peer.says("EHLO client.example")
        yield peer


def test_auth_login_to_the_letter(product, staff, dial):
    with dial(staff.submission, timeout_seconds=PATIENCE_SECONDS) as peer:
        assert peer.greeting.lines == (f"220 {staff.a_record} ESMTP",)
        offered = ["SIZE 41943040", "8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES"]
        ehlo = [f"250-{line}" for line in [staff.a_record, *offered]]
        assert peer.says("EHLO client.example").lines == (*ehlo, "250 STARTTLS")
        peer.starts_tls(_context_of(product.system), server_name=staff.a_record)
        assert peer.replies[-1].lines == ("220 2.0.0 Ready to start TLS",)
        assert peer.says("EHLO client.example").lines == (*ehlo, "250 AUTH LOGIN PLAIN")
        assert peer.says("AUTH LOGIN").lines == ("334 VXNlcm5hbWU6",)
        assert peer.says(_base64(staff.id)).lines == ("334 UGFzc3dvcmQ6",)
        assert peer.says(_base64(PASSWORD)).lines == ("235 2.7.0 Authentication successful",)
        peer.says("MAIL FROM:<ann@example.org>", "RCPT TO:<bob@example.com>", "DATA")
        peer.sends_message(letter("by AUTH LOGIN"))
        assert message_id_in(peer.last)
    product.wait_for_outcome(message_id_in(peer.last), "DELIVERED")


def test_auth_login_with_an_initial_response(ready, staff):
    assert ready.says(f"AUTH LOGIN {_base64(staff.id)}").lines == ("334 UGFzc3dvcmQ6",)
    ready.says(_base64(PASSWORD))
    assert ready.heard(reply.AUTH_SUCCEEDED)


def test_wrong_password_is_refused_and_the_right_one_may_follow(ready, staff):
    ready.says("AUTH LOGIN", _base64(staff.id), _base64("s3cret-word"))
    assert ready.heard(reply.AUTH_INVALID)
    ready.says("AUTH PLAIN " + _base64("\0".join(["", staff.id, PASSWORD])))
    assert ready.heard(reply.AUTH_SUCCEEDED)


def test_another_endpoints_id_is_no_login_here(ready, marketing):
    ready.says("AUTH LOGIN", _base64(marketing.id), _base64(PASSWORD))
    assert ready.heard(reply.AUTH_INVALID)


def test_no_mail_without_auth(ready):
    ready.says("MAIL FROM:<ann@example.org>")
    assert ready.heard(reply.AUTH_REQUIRED)


def test_no_mail_without_tls_where_it_is_required(staff, dial):
    with dial((staff.host, staff.port), timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO client.example")
        assert not peer.offers("AUTH")
        peer.says("MAIL FROM:<ann@example.org>")
        assert peer.heard(reply.TLS_REQUIRED)


# --- what is refused ------------------------------------------------------------------------------


def test_refused_recipient_learns_nothing_and_the_trace_all(product, marketing, dial, console):
    with dial(marketing, timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO client.example", "MAIL FROM:<refused@example.org>")
        peer.says("RCPT TO:<Nobody@Marketing.example.com>")
        assert peer.heard(reply.ACCESS_DENIED)
        peer.says("DATA")
        assert peer.heard(reply.NEED_RECIPIENT)
        peer.says("RCPT TO:<bob@marketing.example.com>")
        assert peer.heard(reply.RECIPIENT_OK)

    def shown():
        return console.get("/message-trace/?sender=refused@example.org").text

    wait_until(
        lambda: "Nobody@Marketing.example.com" in shown(), "the refusal", timeout_seconds=PATIENCE_SECONDS
    )
    assert "Refused" in shown()


def test_too_large_is_told_at_mail_and_after_data(marketing, dial):
    with dial(marketing, timeout_seconds=PATIENCE_SECONDS) as peer:
        peer.says("EHLO client.example")
        assert peer.offers(f"SIZE {MAX_BYTES}")
        peer.says(f"MAIL FROM:<ann@example.org> SIZE={MAX_BYTES + 1}")
        assert peer.heard(reply.MESSAGE_TOO_LARGE)
        peer.says("MAIL FROM:<ann@example.org>", "RCPT TO:<bob@marketing.example.com>", "DATA")
        assert peer.heard(reply.START_MAIL_INPUT)
        peer.sends_message(letter(body="x" * 70 + "\r\n") + b"y" * 70 * (MAX_BYTES // 70) + b"\r\n")
        assert peer.heard(reply.MESSAGE_TOO_LARGE)
        peer.says("NOOP")
        assert peer.heard(reply.OK)


def test_closed_endpoint_turns_away_until_it_is_opened_again(product, marketing, dial, emptied):
    product.desk.call("endpoints.update", marketing.id, status="CLOSED")
    product.wait_for_status("marketing", "CLOSED")
    with dial(marketing, timeout_seconds=PATIENCE_SECONDS) as peer:
        assert peer.heard(reply.ENDPOINT_CLOSED)
        assert peer.is_closed
    product.desk.call("endpoints.update", marketing.id, status="ACTIVE")
    assert product.active("marketing") == marketing  # the same address and name
    with smtplib.SMTP(marketing.host, marketing.port, timeout=PATIENCE_SECONDS) as client:
        client.sendmail("ann@example.org", ["bob@marketing.example.com"], letter("again"))
    assert [message["Subject"] for message in product.arrived("marketing")] == ["again"]


def _context_of(system) -> ssl.SSLContext:
    """A client's, that trusts the product's own CA and checks names."""
    return ssl.create_default_context(cafile=str(system.data_dir / "tls" / "ca.pem"))


def _swaks(endpoint, *options: str) -> str:
    command = ["swaks", "--server", endpoint.host, "--port", str(endpoint.port), "--helo", "client.example"]
    result = subprocess.run(
        [*command, "--from", "ann@example.org", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
