"""A Redis of our own on a UNIX socket, as the product embeds it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import redis

from mailmanager.embedded_redis import redis_command
from tests.servers.process import Process, running


@contextlib.contextmanager
def redis_at(socket_path: Path) -> Iterator[Process]:
    server = Process(redis_command(socket_path), log=socket_path.with_suffix(".log"))
    with running(server):
        server.wait_until(lambda: _answers(socket_path), "Redis ready")
        yield server


def _answers(socket_path: Path) -> bool:
    with redis.Redis(unix_socket_path=str(socket_path)) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
