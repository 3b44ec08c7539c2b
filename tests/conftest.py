"""What every test may ask for: the cast, real servers, a conversation over a raw socket.

A test that marks itself `django_db`, or asks for the cast, gets all databases; with
`django_db(transaction=True)` it commits for real, and Redis is there for what follows a commit.
"""

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from access.actor import Actor, PersonRole
from access.models import User
from tests import needs
from tests.emptying import empty_quickly
from tests.servers import dial as dialling
from tests.servers.postgres import postgres_url
from tests.servers.process import Process
from tests.servers.redis import redis_at
from tests.servers.smtp_peer import SmtpPeer, serve_smtp_peer
from tests.servers.system import START_SECONDS, System, running_system
from tests.servers.worker import celery_worker
from tests.servers.zone import Zone, serve_zone

PASSWORD = "correct horse battery staple"

# People are made in most tests: the same hash, without the 100 MiB that make guessing dear.
Argon2PasswordHasher.memory_cost = 64
Argon2PasswordHasher.time_cost = 1
empty_quickly()
_COMMITTING = {"transactional_db", "live_server", "worker"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        assert isinstance(item, pytest.Function)
        if "system" in item.fixturenames:
            _mark_database(item)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(2 * START_SECONDS))  # the first of them starts it
        marker = item.get_closest_marker("django_db")
        if marker is None and not {"db", *_COMMITTING} & set(item.fixturenames):
            continue
        options = {"databases": "__all__", **(marker.kwargs if marker else {})}
        if _COMMITTING & set(item.fixturenames):
            options["transaction"] = True
        item.add_marker(pytest.mark.django_db(**options), append=False)
        _mark_database(item)
        if options.get("transaction") and "redis_server" not in item.fixturenames:
            item.fixturenames.insert(0, "redis_server")  # before a test moves DATA_DIR


def _mark_database(item: pytest.Item) -> None:
    """It runs on PostgreSQL too. A browser shows the same on both: what it asks for is asked there by the
    tests of pages. What a module is about need not be the database either; and a test that is to run on
    both all the same marks itself."""
    is_in_browser = any("chromium" in marker.args for marker in item.iter_markers("needs"))
    if not is_in_browser and not item.get_closest_marker("any_database"):
        item.add_marker(pytest.mark.database)


def pytest_runtest_setup(item: pytest.Item) -> None:
    needs.demand(item)


# --- the cast -------------------------------------------------------------------------------------


def _client_of(name: str, role: PersonRole) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(name, password=PASSWORD, role=role.value))
    return client


@pytest.fixture
def owner(db: None) -> Client:
    """An administrator's browser, signed in."""
    return _client_of("owner", PersonRole.ADMINISTRATOR)


@pytest.fixture
def operator(db: None) -> Client:
    """May change mail configuration, not people."""
    return _client_of("operator", PersonRole.OPERATOR)


@pytest.fixture
def colleague(db: None) -> Client:
    """May look, not touch."""
    return _client_of("colleague", PersonRole.VIEWER)


@pytest.fixture
def stranger() -> Client:
    """Not signed in."""
    return Client()


@pytest.fixture
def actor() -> Actor:
    """Who calls services in tests: an administrator."""
    return Actor(name="owner", role=PersonRole.ADMINISTRATOR, source="127.0.0.1")


@pytest.fixture
def viewer() -> Actor:
    """Whom services must refuse."""
    return Actor(name="colleague", role=PersonRole.VIEWER, source="127.0.0.1")


# --- certificates ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    """A server's context with a certificate for localhost, 127.0.0.1 and peer.example."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1", "peer.example").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(ca: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts `ca` and checks no name."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    context.check_hostname = False
    return context


# --- servers --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Process]:
    """The Redis at settings.REDIS_URL."""
    with redis_at(settings.REDIS_SOCKET) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """DATABASE_URL of a PostgreSQL of its own, whatever the tests themselves run on."""
    with postgres_url() as url:
        yield url


@pytest.fixture
def worker(redis_server: Process, transactional_db: None, tmp_path: Path) -> Iterator[Process]:
    """A Celery worker process on the test database; tests that ask for it commit for real."""
    with celery_worker(log=tmp_path / "worker.log") as process:
        yield process


@pytest.fixture(scope="session")
def cluster_url() -> str:
    """Of the PostgreSQL that this run of the tests works on; "" where it works on SQLite."""
    return os.environ.get("DATABASE_URL", "")


@pytest.fixture(scope="session")
def smarthost() -> Iterator[SmtpPeer]:
    """Where bounces of `system` go."""
    with serve_smtp_peer() as peer:
        yield peer


@pytest.fixture(scope="session")
def system(cluster_url: str, smarthost: SmtpPeer) -> Iterator[System]:
    """The whole product, its sample endpoint ACTIVE, on the kind of database that the tests run on. It
    retries every second or two, and gives up after six; as root it takes mail at port 25.
    All tests of a process share it: each makes what it needs under names of its own, and puts back what it stops."""
    environment = {
        "MAILMANAGER_RETRY_FIRST_SECONDS": "1",
        "MAILMANAGER_RETRY_LONGEST_SECONDS": "2",
        "MAILMANAGER_RETRY_FOR_SECONDS": "6",
        "MAILMANAGER_SMARTHOST": f"{smarthost.host}:{smarthost.port}",
    }
    if os.geteuid() == 0:  # other servers deliver there and nowhere else
        environment["MAILMANAGER_SMTP_PORT"] = "25"
    with running_system(database_url=cluster_url, environment=environment) as running:
        yield running


@pytest.fixture
def zone() -> Iterator[Zone]:
    """A DNS server for names of the test's own."""
    with serve_zone() as serving:
        yield serving


@pytest.fixture
def smtp_peer() -> Iterator[SmtpPeer]:
    """A receiving SMTP server without TLS."""
    with serve_smtp_peer() as peer:
        yield peer


@pytest.fixture
def lmtp_peer() -> Iterator[SmtpPeer]:
    with serve_smtp_peer(lmtp=True) as peer:
        yield peer


@pytest.fixture
def make_smtp_peer() -> Iterator[Callable[..., SmtpPeer]]:
    """`make_smtp_peer(lmtp=…, tls=…)`, as many as a test needs."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve_smtp_peer(**options))


@pytest.fixture(scope="session")
def dial() -> Callable[..., object]:
    """`with dial(listener) as peer:` a conversation over a raw socket (tests/servers/dial.py)."""
    return dialling.dial
