"""Another process at an SQLite file, as others see it: a connection of its own."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def writing_again_and_again(name: str) -> Iterator[list[int]]:
    """One that holds the write lock nine milliseconds of ten. How many transactions it had, in a list of one."""
    over = threading.Event()
    written = [0]

    def write() -> None:
        connection = sqlite3.connect(name, isolation_level=None)
        while not over.is_set():
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(0.009)
            connection.execute("COMMIT")
            written[0] += 1
            time.sleep(0.001)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        over.set()
        writer.join()
