"""Many rows in one statement, by hand: an ORM object for each would cost more than the work itself."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

import psycopg
from django.db import connections, transaction


@contextmanager
def bulk_cursor(alias: str) -> Iterator[Any]:
    """A cursor for `executemany` with %s placeholders, within `transaction.atomic` of the same alias.
    What it raises are Django's errors.

    Django's own, but on PostgreSQL one that sends values as they are, all in one round trip: Django's
    would write each content as hexadecimal text into the statement.
    """
    connection = connections[alias]
    connection.ensure_connection()
    is_postgresql = connection.vendor == "postgresql"
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) if is_postgresql else connection.cursor() as cursor,
    ):
        yield cursor


@contextmanager
def unsynced(alias: str) -> Iterator[None]:
    """A transaction whose loss by a crash of the machine (not of a process) does no harm: its commit does not
    wait for the disk, nor do others for it."""
    connection = connections[alias]
    if connection.vendor == "postgresql":
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")
            yield
        return
    if connection.in_atomic_block:  # SQLite can't change it there
        with transaction.atomic(using=alias):
            yield
        return
    connection.ensure_connection()
    ((level,),) = connection.connection.execute("PRAGMA synchronous")
    connection.connection.execute("PRAGMA synchronous = NORMAL")
    try:
        with transaction.atomic(using=alias):
            yield
    finally:
        connection.connection.execute(f"PRAGMA synchronous = {level}")


def insert_rows(
    alias: str,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    on_conflict: str = "DO NOTHING",
) -> None:
    """Within `transaction.atomic` and `wrap_database_errors`; rows that are there already stay as they are,
    or what `on_conflict` says: `(id) DO UPDATE SET …`.

    On SQLite many rows to a statement: each statement gives the interpreter's lock away, and under load
    waits longer to have it back than the row takes.
    """
    connection = connections[alias]
    if connection.vendor == "postgresql":
        if rows:
            with bulk_cursor(alias) as cursor:
                cursor.executemany(_insert(table, columns, 1, "%s", on_conflict), rows)
        return
    connection.ensure_connection()
    insert_rows_sqlite(connection.connection, table, columns, rows, on_conflict)


def insert_rows_sqlite(
    raw: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    on_conflict: str = "DO NOTHING",
) -> None:
    """`insert_rows` by a connection without Django's cursor, which would look through the whole statement for
    its placeholders. Raises sqlite3's errors."""
    for part in _parts(rows):
        raw.execute(
            _insert(table, columns, len(part), "?", on_conflict), [value for row in part for value in row]
        )


def delete_rows(alias: str, table: str, column: str, values: Sequence[str]) -> None:
    """Where `column` is one of `values`; within `transaction.atomic`."""
    if not values:
        return
    connection = connections[alias]
    if connection.vendor == "postgresql":
        with bulk_cursor(alias) as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [list(values)])  # noqa: S608
        return
    connection.ensure_connection()
    with connection.wrap_database_errors:
        for part in _parts(values):
            connection.connection.execute(_delete(table, column, len(part)), part)


_MAX_ROWS_A_STATEMENT = 64
_T = TypeVar("_T")


def _parts(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Each length is a statement of its own: settings have sqlite3 keep some hundred prepared."""
    for start in range(0, len(rows), _MAX_ROWS_A_STATEMENT):
        yield rows[start : start + _MAX_ROWS_A_STATEMENT]


@cache
def _insert(table: str, columns: tuple[str, ...], rows: int, placeholder: str, on_conflict: str) -> str:
    values = ", ".join([f"({', '.join([placeholder] * len(columns))})"] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} ON CONFLICT {on_conflict}"  # noqa: S608


@cache
def _delete(table: str, column: str, rows: int) -> str:
    return f"DELETE FROM {table} WHERE {column} IN ({', '.join(['?'] * rows)})"  # noqa: S608


@lru_cache(maxsize=256)
def stored_time(alias: str, moment: datetime | None) -> Any:
    """An aware datetime as the alias's database takes it. A batch has the same few again and again."""
    return connections[alias].ops.adapt_datetimefield_value(moment)
