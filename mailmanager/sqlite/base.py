"""Django's SQLite, where whoever waits to write looks often whether it is their turn."""

import sqlite3
import time

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from core.sqlite import is_busy

_LOOK_SECONDS = 0.001
# From then on a look costs more than it can gain.
_PATIENT_AFTER_SECONDS = 0.1
_PATIENT_LOOK_SECONDS = 0.01


class DatabaseWrapper(base.DatabaseWrapper):
    """SQLite gives its write lock to who happens to ask when it is free; who found it taken asks again after
    1, 2, 5, 10, … 100 ms. Beside an ingress that writes every few milliseconds (mailflow.spool) a worker has
    its turn by luck then: of what was accepted in two seconds, half had still to be delivered."""

    def _start_transaction_under_autocommit(self) -> None:
        """Django's BEGIN; its own error where the lock is not to be had in time (OPTIONS: timeout)."""
        self.ensure_connection()
        raw: sqlite3.Connection = self.connection
        timeout_seconds: float = self.settings_dict["OPTIONS"].get("timeout", 5.0)
        began_at = time.monotonic()
        raw.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                waited_seconds = time.monotonic() - began_at
                try:
                    super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in the stubs
                except OperationalError as error:
                    if not is_busy(error) or waited_seconds > timeout_seconds:
                        raise
                else:
                    return
                is_patient = waited_seconds > _PATIENT_AFTER_SECONDS
                time.sleep(_PATIENT_LOOK_SECONDS if is_patient else _LOOK_SECONDS)
        finally:
            raw.execute(f"PRAGMA busy_timeout = {int(timeout_seconds * 1000)}")
