"""What SQLite says is wrong (sqlite.org/rescode.html), by sqlite3's errors or by Django's of them."""

import sqlite3


def is_busy(error: BaseException) -> bool:
    """Another process writes, and has for longer than was waited."""
    return _code(error) == sqlite3.SQLITE_BUSY


def is_full(error: BaseException) -> bool:
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: BaseException) -> int:
    """The primary one, without what SQLite adds to it; 0 where it is none of SQLite's."""
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF
