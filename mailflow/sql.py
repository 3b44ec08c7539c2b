"""Many rows in one statement, by hand: an ORM object for each would cost more than the work itself."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from django.db import connections


def bulk_cursor(alias: str) -> Any:
    """A cursor for `executemany` with %s placeholders, within `transaction.atomic` of the same alias.

    Django's own, but on PostgreSQL one that sends values as they are, all in one round trip: Django's
    would write each content as hexadecimal text into the statement.
    """
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


@lru_cache(maxsize=256)
def stored_time(alias: str, moment: datetime | None) -> Any:
    """An aware datetime as the alias's database takes it. A batch has the same few again and again."""
    return connections[alias].ops.adapt_datetimefield_value(moment)
