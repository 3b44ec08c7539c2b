"""AUTH, byte for byte, and what it must never tell."""

import base64
import io
import logging
import smtplib
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from core import reply
from core.cidr import NetworkSet
from endpoints.logic.snapshot import Credential, EndpointType
from ingress.logic.terms import Limits
from secrets_store.password_hashes import hash_password
from tests.ingress.machine import ENDPOINT_ID, PASSWORD, Driver, served
from tests.servers.process import wait_until


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


USER, SECRET = _base64(ENDPOINT_ID), _base64(PASSWORD)
PLAIN = _base64(f"\0{ENDPOINT_ID}\0{PASSWORD}")


def _driver(**changes) -> Driver:
    return Driver(served(type=EndpointType.AUTH, **changes))


def test_auth_login_to_the_letter():
    driver = _driver()
    assert b"\r\n250 AUTH LOGIN PLAIN\r\n" in driver.says("EHLO c.example")
    assert driver.says("AUTH LOGIN") == b"334 VXNlcm5hbWU6\r\n"
    assert driver.says(USER) == b"334 UGFzc3dvcmQ6\r\n"
    assert driver.says(SECRET) == b"235 2.7.0 Authentication successful\r\n"
    assert driver.says("MAIL FROM:<a@x.example>") == reply.SENDER_OK.wire


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f"AUTH LOGIN {USER}", SECRET], reply.AUTH_SUCCEEDED),
        ([f"auth login {USER}", SECRET], reply.AUTH_SUCCEEDED),
        ([f"AUTH PLAIN {PLAIN}"], reply.AUTH_SUCCEEDED),
        (["AUTH PLAIN", PLAIN], reply.AUTH_SUCCEEDED),
        (
            [f"AUTH PLAIN {_base64(f'{ENDPOINT_ID}{chr(0)}{ENDPOINT_ID}{chr(0)}{PASSWORD}')}"],
            reply.AUTH_SUCCEEDED,
        ),
        ([f"AUTH PLAIN {_base64(f'other{chr(0)}{ENDPOINT_ID}{chr(0)}{PASSWORD}')}"], reply.AUTH_INVALID),
        ([f"AUTH LOGIN {USER}", _base64("wrong")], reply.AUTH_INVALID),
        ([f"AUTH LOGIN {_base64('inp-other')}", SECRET], reply.AUTH_INVALID),
        (["AUTH LOGIN =", SECRET], reply.AUTH_INVALID),
        (["AUTH LOGIN", "*"], reply.AUTH_CANCELLED),
        (["AUTH LOGIN", USER, "*"], reply.AUTH_CANCELLED),
        (["AUTH PLAIN", "*"], reply.AUTH_CANCELLED),
        (["AUTH LOGIN", "not base64!"], reply.AUTH_MALFORMED),
        (["AUTH PLAIN", "YWJj"], reply.AUTH_MALFORMED),
        (["AUTH CRAM-MD5"], reply.AUTH_MECHANISM_UNKNOWN),
        (["AUTH"], reply.SYNTAX_ERROR),
        (["AUTH LOGIN", "x" * 13_000], reply.LINE_TOO_LONG),
        ([f"AUTH PLAIN {PLAIN}", "AUTH LOGIN"], reply.AUTH_ALREADY),
    ],
)
def test_reply_to_the_last_of_these_lines(lines, expected):
    driver = _driver()
    driver.says("EHLO c.example", *lines[:-1])
    assert driver.says(lines[-1]) == expected.wire
    assert driver.says("NOOP") == reply.OK.wire


def test_empty_challenge_of_plain_keeps_its_space():
    driver = _driver()
    driver.says("EHLO c.example")
    assert driver.says("AUTH PLAIN") == b"334 \r\n"


def test_auth_in_the_clear_only_where_tls_is_optional():
    driver = _driver(is_tls_required=True)
    assert b"AUTH" not in driver.says("EHLO c.example")
    assert driver.says(f"AUTH PLAIN {PLAIN}") == reply.TLS_REQUIRED.wire
    driver.says("STARTTLS")
    assert driver.says("EHLO c.example").endswith(b"250 AUTH LOGIN PLAIN\r\n")
    assert driver.says(f"AUTH PLAIN {PLAIN}") == reply.AUTH_SUCCEEDED.wire


def test_authentication_is_forgotten_when_tls_begins():
    driver = _driver()
    driver.says("EHLO c.example", f"AUTH PLAIN {PLAIN}", "STARTTLS", "EHLO c.example")
    assert driver.says("MAIL FROM:<a@x.example>") == reply.AUTH_REQUIRED.wire


# --- with the passwords' real hashes, over sockets -------------------------------------------------


@pytest.fixture(scope="module")
def credentials() -> tuple[Credential, ...]:
    past = datetime.now(UTC) - timedelta(seconds=1)
    return (
        Credential(hash_password(PASSWORD)),
        Credential(hash_password("the former one"), datetime.now(UTC) + timedelta(days=1)),
        Credential(hash_password("one long gone"), past),
    )


@pytest.fixture
def ingress(make_ingress, credentials):
    return make_ingress(served(type=EndpointType.AUTH, is_tls_required=True, credentials=credentials))


def _client(ingress, port: int | None = None) -> smtplib.SMTP:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = smtplib.SMTP(ingress.host, port or ingress.port, timeout=10)
    client.starttls(context=context)
    return client


def test_smtplib_signs_in_on_both_ports_and_sends(ingress):
    for port in ingress.ports:
        with _client(ingress, port) as client:
            assert client.login(ENDPOINT_ID, PASSWORD)[0] == 235
            client.sendmail("a@x.example", "b@y.example", b"text")
    assert [envelope.authenticated_as for envelope, _ in ingress.stored] == [ENDPOINT_ID] * 2
    assert b"with ESMTPSA\r\n" in ingress.stored[0][1]


def test_former_password_is_good_until_it_expires(ingress):
    with _client(ingress) as client, pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
        client.login(ENDPOINT_ID, "one long gone")
    with _client(ingress) as client:
        assert client.login(ENDPOINT_ID, "the former one")[0] == 235


def test_a_password_that_was_right_is_not_right_for_another_hash(ingress, credentials):
    with _client(ingress) as client:
        client.login(ENDPOINT_ID, PASSWORD)
    changed = (Credential(hash_password("a new one")),)
    ingress.serve(served(type=EndpointType.AUTH, is_tls_required=True, credentials=changed))
    with _client(ingress) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(ENDPOINT_ID, PASSWORD)


def test_unreadable_credentials_are_a_temporary_failure(make_ingress, dial):
    ingress = make_ingress(served(type=EndpointType.AUTH, auth_problem="the secret's key is disabled"))
    with dial(ingress) as peer:
        peer.says("EHLO c.example", f"AUTH PLAIN {PLAIN}")
        assert peer.heard(reply.AUTH_UNAVAILABLE)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_auth_failures": 2, "unlimited_networks": NetworkSet([])},
        {"max_auth_failures_per_endpoint": 2},
    ],
)
def test_an_address_or_endpoint_with_many_failures_is_turned_away(make_ingress, dial, credentials, limits):
    endpoint = served(type=EndpointType.AUTH, credentials=credentials[:1])
    ingress = make_ingress(endpoint, **limits)
    wrong = f"AUTH PLAIN {_base64(f'{chr(0)}{ENDPOINT_ID}{chr(0)}wrong')}"
    with dial(ingress) as peer:
        peer.says("EHLO c.example", wrong, wrong)
        assert peer.heard(reply.AUTH_INVALID)
        peer.says(f"AUTH PLAIN {PLAIN}")
        assert peer.heard(reply.AUTH_TOO_MANY)
        assert peer.is_closed


def test_wrong_passwords_hold_up_nobody(make_ingress, dial, credentials):
    ingress = make_ingress(
        served(type=EndpointType.AUTH, credentials=credentials[:1]), limits=Limits(max_errors=1000)
    )
    wrong = f"AUTH PLAIN {_base64(f'{chr(0)}{ENDPOINT_ID}{chr(0)}wrong')}\r\n".encode()
    with dial(ingress) as guessing, dial(ingress) as honest:
        guessing.says("EHLO c.example")
        guessing.sends(wrong * 100)
        honest.says("EHLO c.example")
        for _ in range(20):
            assert honest.says("NOOP").code == 250
        replies = [guessing.hears().code for _ in range(100)]
    assert replies == [535] * 100


def test_passwords_and_content_never_reach_the_log(make_ingress, dial, credentials):
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        ingress = make_ingress(served(type=EndpointType.AUTH, credentials=credentials[:1]))
        with dial(ingress) as peer:
            wrong = _base64("wr0ng-but-secret")
            peer.says("EHLO c.example", "AUTH LOGIN", USER, wrong, "AUTH LOGIN", USER, SECRET)
            peer.says(
                "MAIL FROM:<a@x.example>", "RCPT TO:<blocked@y.example>", "RCPT TO:<b@y.example>", "DATA"
            )
            peer.sends_message(b"Subject: top secret subject\r\n\r\ntop secret text\r\n")
            ingress.spool.fault = RuntimeError("fault")
            peer.says("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
            peer.sends_message(b"Subject: top secret subject\r\n\r\ntop secret text\r\n")
        wait_until(lambda: "message_accepted" in ingress.journal.getvalue(), "the journal is written")
        everything = log.getvalue() + ingress.journal.getvalue()
    finally:
        logging.getLogger().removeHandler(handler)
    assert "auth_failed" in everything
    assert "message_accepted" in everything
    assert "session_failed" in everything
    for secret in (PASSWORD, SECRET, "wr0ng-but-secret", wrong, "top secret", PLAIN):
        assert secret not in everything
