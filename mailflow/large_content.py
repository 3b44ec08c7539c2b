"""The content of a large message, which lies in a file, and its way into the database in pieces.

Bound as a parameter it would be in memory three times over, and the interpreter be held while it is
copied: 40 MB took 120 MB and let everybody else wait for 30 ms.
"""

import io
import os
import sqlite3
import struct
from collections.abc import Iterator

import psycopg
from django.db import connections

from mailflow.models import SpoolContent

_PIECE_BYTES = 1024 * 1024
_TABLE = SpoolContent._meta.db_table


class LargeContent:
    """Bytes of an open file, from `start` on. `len()` as of bytes. Whoever made it closes it."""

    __slots__ = ("_file", "_size_bytes", "_start")

    def __init__(self, file: io.FileIO, start: int, size_bytes: int) -> None:
        self._file = file
        self._start = start
        self._size_bytes = size_bytes

    def __len__(self) -> int:
        return self._size_bytes

    def pieces(self) -> Iterator[bytes]:
        """OSError where the file can't be read, or has become shorter."""
        done = 0
        while done < self._size_bytes:
            wanted = min(_PIECE_BYTES, self._size_bytes - done)
            piece = os.pread(self._file.fileno(), wanted, self._start + done)
            if not piece:
                raise OSError(f"{self._size_bytes - done} bytes of a message are missing")
            done += len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()


def insert_large(alias: str, message_id: str, content: LargeContent) -> None:
    """Within `transaction.atomic` and `wrap_database_errors`; what is there already stays as it is."""
    connection = connections[alias]
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        _copy(connection.connection, message_id, content)
    else:
        _fill(connection.connection, message_id, content)


def _fill(connection: sqlite3.Connection, message_id: str, content: LargeContent) -> None:
    """Zeros, which SQLite makes without holding them, are written over (sqlite.org/c3ref/blob_write)."""
    inserted = connection.execute(
        f"INSERT INTO {_TABLE} (message_id, content) VALUES (?, zeroblob(?)) ON CONFLICT DO NOTHING",  # noqa: S608
        (message_id, len(content)),
    )
    if not inserted.rowcount:
        return
    with connection.blobopen(_TABLE, "content", inserted.lastrowid or 0) as blob:
        for piece in content.pieces():
            blob.write(piece)


# A file of one row in COPY's binary format (postgresql.org/docs/current/sql-copy.html): signature, flags
# and length of an extension; the number of fields; each field's length and bytes; -1 for the end.
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)


def _copy(connection: psycopg.Connection, message_id: str, content: LargeContent) -> None:
    """Streamed by COPY, which knows no ON CONFLICT."""
    cursor = psycopg.Cursor(connection)
    if cursor.execute(f"SELECT 1 FROM {_TABLE} WHERE message_id = %s", (message_id,)).fetchone():  # noqa: S608
        return
    key = message_id.encode()
    with cursor.copy(f"COPY {_TABLE} (message_id, content) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_SIGNATURE + struct.pack("!hi", 2, len(key)) + key + struct.pack("!i", len(content)))
        for piece in content.pieces():
            copy.write(piece)
        copy.write(_END)
