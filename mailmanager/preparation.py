"""What `firststart` makes ready before the processes run. Nothing here is made twice."""

import contextlib
import fcntl
import secrets
from collections.abc import Iterator

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from access.actor import Actor, PersonRole
from access.models import User
from access.services import audit

ADMINISTRATOR = "admin"
_POSTGRESQL_LOCK = 0x6D61696C  # "mail"; any number will do that nobody else locks in our database


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Others that prepare the same data directory or PostgreSQL database wait until we are done."""
    with (settings.DATA_DIR / "firststart.lock").open("w") as lock, contextlib.ExitStack() as stack:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if connection.vendor == "postgresql":
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("SELECT pg_advisory_lock(%s)", [_POSTGRESQL_LOCK])
            stack.callback(cursor.execute, "SELECT pg_advisory_unlock(%s)", [_POSTGRESQL_LOCK])
        yield


def prepare_stores() -> None:
    """Tables of every database, static files where the web server finds them."""
    for alias in connections:
        call_command("migrate", database=alias, interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def make_administrator(actor: Actor) -> str | None:
    """The password of the administrator that was made; None where there is a person already."""
    if User.objects.exists():
        return None
    password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(15)
    User.objects.create_superuser(ADMINISTRATOR, password=password, role=PersonRole.ADMINISTRATOR.value)
    audit(actor, "access.create_user", name=ADMINISTRATOR, role=PersonRole.ADMINISTRATOR.value)
    return password
