"""The whole product under its own supervisor, on addresses, ports and data of its own.

It is what `script/server` runs, after `firststart`: an administrator, a sample endpoint, all processes.
"""

import contextlib
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import psycopg
from supervisor.xmlrpc import SupervisorTransport

from tests.servers.ports import free_port, own_network
from tests.servers.process import Process, wait_until

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ADMINISTRATOR = "admin"
SAMPLE = "sample"
START_SECONDS = 150.0  # a whole product, on cores that others use too


class System:
    """`url`: the console. `environment`: with which a command of the product sees this one.
    `smtp_port`, `submission_port`: stand for 25 and 587. `dns`: address and port of `rundns`."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.environment = dict(environment)
        self.url = f"http://{environment['MAILMANAGER_HTTP']}"
        self.admin_name = ADMINISTRATOR
        self.admin_password = environment["MAILMANAGER_ADMIN_PASSWORD"]
        self.smtp_port = int(environment["MAILMANAGER_SMTP_PORT"])
        self.submission_port = int(environment["MAILMANAGER_SUBMISSION_PORT"])
        host, _, port = environment["MAILMANAGER_DNS"].rpartition(":")
        self.dns = host, int(port)
        self.supervisor: Process | None = None

    @property
    def output(self) -> str:
        """The one stream: each line begins with the name of its process."""
        assert self.supervisor
        return self.supervisor.output

    def lines_of(self, name: str) -> list[str]:
        """What the process wrote, without the name."""
        lines = (line.partition(" | ") for line in self.output.splitlines())
        return [text for writer, _, text in lines if writer.strip() == name]

    def process(self, name: str) -> "SupervisedProcess":
        return SupervisedProcess(self, name)

    def manage(self, *arguments: str) -> str:
        """What `manage.py` with `arguments` prints; AssertionError with its words where it fails."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == 0, f"manage.py {' '.join(arguments)}\n{result.stdout}{result.stderr}"
        return result.stdout

    def rows(self, query: str, *parameters: Any, spool: bool = False) -> list[tuple[Any, ...]]:
        """Of the product's database (or its spool); `?` for each parameter."""
        url = self.environment["DATABASE_URL"]
        if url.startswith("postgres"):
            with psycopg.connect(url) as connection:
                return connection.execute(query.replace("?", "%s").encode(), parameters or None).fetchall()
        file = self.data_dir / ("spool.sqlite3" if spool else "mailmanager.sqlite3")
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query, parameters).fetchall()

    def address_of(self, endpoint_name: str) -> str:
        """The IPv4 address that an endpoint was given."""
        ((address,),) = self.rows(
            "SELECT a.address FROM endpoints_endpointaddress a"
            " JOIN endpoints_ingressendpoint e ON e.id = a.endpoint_id WHERE e.name = ?",
            endpoint_name,
        )
        return str(address)

    def status_of(self, endpoint_name: str) -> str:
        """Its status, "" where there is none of that name."""
        found = self.rows("SELECT status FROM endpoints_ingressendpoint WHERE name = ?", endpoint_name)
        return str(found[0][0]) if found else ""

    def wait_until_active(self, endpoint_name: str) -> None:
        wait_until(
            lambda: self.status_of(endpoint_name) == "ACTIVE",
            f"endpoint {endpoint_name} ACTIVE",
            timeout_seconds=START_SECONDS,
        )

    def ask_supervisor(self, method: str, *arguments: Any) -> Any:
        """A call of supervisor's own API (http://supervisord.org/api.html)."""
        config = RawConfigParser()
        config.read(self.data_dir / "supervisord.conf")
        access = config["supervisorctl"]
        transport = SupervisorTransport(access["username"], access["password"], access["serverurl"])
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


class SupervisedProcess:
    """One process of the product. What dies is started again; what was stopped, is not."""

    def __init__(self, system: System, name: str) -> None:
        self._system = system
        self.name = name

    @property
    def pid(self) -> int:
        """0 while it does not run."""
        return int(self._system.ask_supervisor("getProcessInfo", self.name)["pid"])

    @property
    def state(self) -> str:
        return str(self._system.ask_supervisor("getProcessInfo", self.name)["statename"])

    def kill(self) -> None:
        """SIGKILL to it and its children, as a crash does it; supervisor starts it again."""
        pid = self.pid
        assert pid, f"{self.name} does not run"  # group 0 would be our own
        os.killpg(pid, 9)

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self._system.ask_supervisor("stopProcess", self.name, True)

    def start(self) -> None:
        self._system.ask_supervisor("startProcess", self.name, True)

    def wait_until_restarted(self, former_pid: int) -> None:
        wait_until(
            lambda: self.state == "RUNNING" and self.pid not in {0, former_pid},
            f"{self.name} started again",
            timeout_seconds=START_SECONDS,
        )


@contextlib.contextmanager
def prepared_system(
    *, database_url: str = "", environment: Mapping[str, str] | None = None, within: Path | None = None
) -> Iterator[System]:
    """The surroundings of a system that is not running. `database_url`: a PostgreSQL cluster in which
    it gets a database of its own; "": SQLite. `environment`: settings that differ. `within`: the folder
    in which it gets its data directory."""
    # Short: Redis and supervisor listen on UNIX sockets in it (at most 107 bytes, unix(7)).
    data_dir = Path(tempfile.mkdtemp(prefix="mm-system-", dir=within))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
        variables = _own_surroundings(data_dir)
        if database_url:
            variables["DATABASE_URL"] = stack.enter_context(_own_database(database_url))
        else:
            variables["DATABASE_URL"] = f"sqlite:///{data_dir / 'mailmanager.sqlite3'}"
        yield System(data_dir, {**variables, **(environment or {})})


@contextlib.contextmanager
def running_system(
    *, database_url: str = "", environment: Mapping[str, str] | None = None, within: Path | None = None
) -> Iterator[System]:
    """A system that is ready: the sample endpoint is ACTIVE. Parameters: see `prepared_system`.
    Its end is a sudden one: nothing of it is kept, and what stops in order takes seconds."""
    with prepared_system(database_url=database_url, environment=environment, within=within) as system:
        system.manage("firststart")
        supervisor = Process(
            [sys.executable, "manage.py", "supervise"],
            log=system.data_dir / "stream.log",
            env=system.environment,
            cwd=REPOSITORY,
        )
        system.supervisor = supervisor
        try:
            supervisor.wait_until(
                lambda: system.status_of(SAMPLE) == "ACTIVE" and _listens(system.url),
                "the whole product ready",
                timeout_seconds=START_SECONDS,
            )
            yield system
        finally:
            supervisor.kill_session()


def _own_surroundings(data_dir: Path) -> dict[str, str]:
    network = own_network()
    pool_host = network.partition("/")[0]
    smtp_port, submission_port = free_port(pool_host), free_port(pool_host)
    return {
        "MAILMANAGER_ENV_FILE": os.devnull,
        "MAILMANAGER_DATA_DIR": str(data_dir),
        "MAILMANAGER_HTTP": f"127.0.0.1:{free_port()}",
        "MAILMANAGER_DNS": f"127.0.0.1:{free_port(kinds=(socket.SOCK_DGRAM, socket.SOCK_STREAM))}",
        "MAILMANAGER_ADDRESS_POOL": network,
        "MAILMANAGER_SMTP_PORT": str(smtp_port),
        "MAILMANAGER_SUBMISSION_PORT": str(submission_port),
        "MAILMANAGER_ADMIN_PASSWORD": secrets.token_urlsafe(12),
        "MAILMANAGER_WEB_PROCESSES": "1",
        "MAILMANAGER_WORKER_PROCESSES": "1",
        "MAILMANAGER_INGRESS_PROCESSES": "1",
    }


@contextlib.contextmanager
def _own_database(cluster_url: str) -> Iterator[str]:
    """URL of a new database in the cluster; it is dropped afterwards."""
    name = f"system_{secrets.token_hex(4)}"
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    head, _, tail = cluster_url.rpartition("/postgres")
    try:
        yield f"{head}/{name}{tail}"
    finally:
        with psycopg.connect(cluster_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False
