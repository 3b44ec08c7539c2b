"""A relay that wants a password gets it from a secret, over TLS alone; what is broken leaves mail waiting."""

import json
import ssl
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from core.errors import Conflict, Invalid
from relays import services as relays
from secrets_store.logic import uses
from secrets_store.logic.uses import Use
from secrets_store.services import keys, secrets
from tests.secrets_store.conftest import ACCOUNT, REGION
from tests.servers.ports import free_port

PASSWORD = "relay-Passw0rd"


class LoggedIn(Controller):
    """An SMTP server with AUTH behind STARTTLS. `offered`: what clients logged in with."""

    def __init__(self, tls: ssl.SSLContext, mechanisms: tuple[str, ...]) -> None:
        self.offered: list[tuple[str, bytes, bytes]] = []
        self.received: list[bytes] = []
        super().__init__(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            tls_context=tls,
            authenticator=self._check,
            auth_required=True,
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(mechanisms),
        )

    def _check(self, server, session, envelope, mechanism, data):
        self.offered.append((mechanism, data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd names it so
        self.received.append(envelope.content)
        return "250 2.0.0 Ok"


@pytest.fixture
def make_server(ca) -> Iterator:
    servers = []

    def make(mechanisms=("PLAIN", "LOGIN")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(context)
        server = LoggedIn(context, mechanisms)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def trusted(ca, settings, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings.OUTBOUND_CA_FILE = str(tmp_path / "ca.pem")


@pytest.fixture
def secret(actor, db):
    policy = uses.key_policy(account=ACCOUNT, administrators=[], users=[])
    policy["Statement"].append(uses.key_statement(Use.RELAY, region=REGION, account=ACCOUNT))
    return secrets.create(
        actor,
        name="relay",
        value=json.dumps({"username": "us@er", "password": PASSWORD}),
        key_id=keys.create(actor, policy=policy).pk,
        policy=uses.secret_policy(Use.RELAY, region=REGION, account=ACCOUNT),
    )


@pytest.fixture
def make_relay(actor, secret):
    def make(port, **options):
        wish = {"name": "out", "server_name": "127.0.0.1", "server_port": port, "secret_arn": secret.arn}
        return relays.create(actor, **(wish | options))

    return make


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_credentials_of_the_secret_log_in(actor, make_server, make_relay, mechanism):
    server = make_server((mechanism,))
    told = relays.test_connection(actor, make_relay(server.port).id)
    assert told.fault == ""
    assert told.tls_version
    assert server.offered == [(mechanism, b"us@er", PASSWORD.encode())]


def test_wrong_password_is_told_without_saying_it(actor, make_server, make_relay, secret):
    server = make_server()
    relay = make_relay(server.port)
    wrong = "planted-wr0ng"
    secrets.put_value(actor, secret.arn, json.dumps({"username": "u", "password": wrong}))
    told = relays.test_connection(actor, relay.id)
    assert "refuses the credentials: 535" in told.fault
    assert wrong not in told.fault
    assert wrong not in repr(relays.target_of(relay))


def test_password_is_not_sent_in_the_clear(actor, smtp_peer, make_relay):
    told = relays.test_connection(actor, make_relay(smtp_peer.port).id)
    assert "does not offer STARTTLS" in told.fault
    assert not any(command.startswith("AUTH") for command in smtp_peer.commands)


def test_broken_secret_is_said_and_mail_waits(actor, make_server, make_relay, secret):
    relay = make_relay(make_server().port)
    keys.set_enabled(actor, secret.key_id, is_enabled=False)
    with pytest.raises(Conflict, match="disabled"):
        relays.target(relay.id)
    assert "disabled" in relays.test_connection(actor, relay.id).fault


def test_secret_for_endpoints_or_optional_tls_is_refused_beside_the_field(actor, make_relay, secret):
    with pytest.raises(Invalid) as caught:
        make_relay(25, tls="OPTIONAL")
    assert [problem.path for problem in caught.value.problems] == ["tls"]
    secrets.put_value(actor, secret.arn, '{"password": "x"}')
    with pytest.raises(Invalid) as caught:
        make_relay(25)
    assert [problem.path for problem in caught.value.problems] == ["secret_arn"]


def test_secret_of_a_relay_is_not_deleted(actor, make_relay, secret):
    relay = make_relay(25)
    with pytest.raises(Conflict, match="in use by out"):
        secrets.schedule_deletion(actor, secret.arn)
    relays.update(actor, relay.id, secret_arn="")
    assert secrets.schedule_deletion(actor, secret.arn)
