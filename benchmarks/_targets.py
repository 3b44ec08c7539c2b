"""The servers that are compared, each on private directories and ports of the same disk."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._certificate import Certificate
from tests.servers.postfix import Postfix
from tests.servers.process import Process, running

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300.0  # with ten thousand endpoints on a busy machine

# Held at once after the queue file is on disk: Postfix's fastest way to a durable 250. What it would
# do for its own protection or for names is off.
POSTFIX_SETTINGS = """\
smtpd_recipient_restrictions = check_client_access static:HOLD
in_flow_delay = 0
default_process_limit = 300
disable_dns_lookups = yes
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
message_size_limit = 41943040
"""
POSTFIX_TLS = """\
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
"""


@dataclass(frozen=True)
class Target:
    name: str
    address: str
    port: int
    pid: int
    syncs: str = ""  # where strace can't tell how many there are: in words


@contextlib.contextmanager
def ingress(
    folder: Path,
    *,
    processes: int = 1,
    address: str = "127.25.77.1",
    rows: Sequence[str] = (),
    certificate: Certificate | None = None,
    more_environment: Mapping[str, str] | None = None,
) -> Iterator[Target]:
    """`runingress` as it is started in production, with endpoints, a spool and a Redis of its own.
    `rows`: the module, with arguments, that makes the endpoints; else there is an open one at `address`.
    No worker runs: what is measured is acceptance."""
    port = free_port(address)
    environment = {
        "MAILMANAGER_ENV_FILE": os.devnull,
        "MAILMANAGER_DATA_DIR": str(folder),
        "MAILMANAGER_SMTP_PORT": str(port),
        "MAILMANAGER_SUBMISSION_PORT": str(free_port(address)),
        "PYTHONPATH": str(ROOT),
        **(more_environment or {}),
    }
    if certificate:
        environment["MAILMANAGER_TLS_CERT"] = str(certificate.chain)
        environment["MAILMANAGER_TLS_KEY"] = str(certificate.key)
    folder.mkdir(mode=0o700)
    manage = [sys.executable, str(ROOT / "manage.py")]
    for database in ("default", "spool"):
        run([*manage, "migrate", "-v0", "--database", database], environment)
    redis = Process(
        [sys.executable, "-m", "benchmarks._endpoint", "--redis"],
        log=folder / "redis.log",
        env=environment,
        cwd=ROOT,
    )
    with running(redis):
        redis.wait_until((folder / "redis.sock").exists, "Redis listens")
        run([sys.executable, "-m", *(rows or ("benchmarks._endpoint", address))], environment)
        server = Process(
            [*manage, "runingress", "--processes", str(processes)],
            log=folder / "ingress.log",
            env=environment,
        )
        with running(server):
            server.wait_until(lambda: greets(address, port), "ingress greets", timeout_seconds=START_SECONDS)
            yield Target("Mail Manager", address, port, server.pid)


@contextlib.contextmanager
def postfix(folder: Path, certificate: Certificate | None = None) -> Iterator[Target]:
    settings = POSTFIX_SETTINGS
    if certificate:
        settings += POSTFIX_TLS.format(certificate=certificate.chain, key=certificate.key)
    with Postfix(folder, address="127.25.77.2", resolver="127.25.77.2", more_settings=settings) as server:
        yield Target("Postfix, hold queue", server.address, server.port, server.pid)


@contextlib.contextmanager
def smtp_sink(folder: Path) -> Iterator[Target]:
    """Postfix's test server, which keeps nothing: the ceiling of one process in C."""
    address, port = "127.25.77.3", free_port("127.25.77.3")
    folder.mkdir()
    server = Process(
        [shutil.which("smtp-sink") or "smtp-sink", "-u", "nobody", f"{address}:{port}", "4096"],
        log=folder / "sink.log",
    )
    with running(server):
        server.wait_until(lambda: greets(address, port), "smtp-sink greets")
        yield Target("smtp-sink, no disk", address, port, server.pid)


def run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, check=True, env={**os.environ, **environment}, cwd=ROOT, stdin=subprocess.DEVNULL)


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def greets(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 2) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        time.sleep(0.05)
        return False
