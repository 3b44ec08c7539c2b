"""Several queries that belong together."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_state() -> Iterator[None]:
    """Within it all queries of the default database see one state of it: what is committed meanwhile is
    not seen. For reading; nobody waits for it. Within a transaction of the caller's it does nothing."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
    else:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            connection.connection.execute("BEGIN")  # Django's would take the write lock
            try:
                yield
            finally:
                connection.connection.execute("COMMIT")
