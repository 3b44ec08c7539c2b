"""Processes of the product that work on the test's own databases."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.servers.process import Process, running

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def product_environment() -> dict[str, str]:
    """Variables with which a process of the product sees what the running test sees: the same
    databases (it must commit for real), data directory and Redis."""
    variables = {
        "MAILMANAGER_DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "mailmanager.settings",
    }
    for alias, variable in (("default", "DATABASE_URL"), ("spool", "SPOOL_URL")):
        if alias in connections:
            variables[variable] = _url(connections[alias])
    return variables


def _url(connection: BaseDatabaseWrapper) -> str:
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    host = config["OPTIONS"].get("host") or config["HOST"]
    return f"postgres://{quote(config['USER'])}@/{config['NAME']}?host={host}"


@contextlib.contextmanager
def celery_worker(*, log: Path, queues: str = "control,mail") -> Iterator[Process]:
    command = [sys.executable, "-m", "celery", "-A", "mailmanager", "worker", "-Q", queues]
    command += ["--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    process = Process(command, log=log, env=product_environment(), cwd=REPOSITORY)
    with running(process):
        process.wait_until(lambda: " ready." in process.output, "worker ready")
        yield process
