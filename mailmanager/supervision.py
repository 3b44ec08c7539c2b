"""Supervisor, in the foreground: starts the processes, starts again what dies, stops all in order.

The output of all becomes one stream on stdout, each line with the name of its process before it,
which supervisor itself can't do: its own log files take what was read as it came.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import secrets
import shlex
import signal
import sys
import xmlrpc.client
from collections.abc import Iterator, Sequence
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.dispatchers import PDispatcher
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.options import ProcessConfig, ServerOptions
from supervisor.supervisord import Supervisor
from supervisor.xmlrpc import SupervisorTransport

from mailmanager.processes import ProcessSpec

OWN_NAME = "supervisor"
_NAME_WIDTH = len(OWN_NAME)
_MAX_LINE_BYTES = 1024 * 1024  # what has no end by then is written as a line
_WISHED_DESCRIPTORS = 65536  # each connection at the ingress takes one
_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


def prefix(name: str) -> str:
    return f"{name:<{_NAME_WIDTH}} | "


class _LinePrefixer(PDispatcher):
    """Reads what one process writes, passes whole lines on."""

    def __init__(self, process: Any, descriptor: int) -> None:
        super().__init__(process, "stdout", descriptor)
        self._prefix = prefix(process.config.name).encode()
        self._begun = b""

    def readable(self) -> bool:
        return not self.closed

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        received = self.process.config.options.readfd(self.fd)
        *lines, self._begun = (self._begun + received).split(b"\n")
        if self._begun and (not received or len(self._begun) > _MAX_LINE_BYTES):
            lines.append(self._begun)
            self._begun = b""
        # Whoever read us may have gone (`script/server | head`), or the disk be full; the processes go on.
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(b"".join(self._prefix + line + b"\n" for line in lines))
            sys.stdout.buffer.flush()
        if not received:
            self.close()


class _PrefixedProcess(ProcessConfig):
    def make_dispatchers(self, proc: Any) -> tuple[dict[int, Any], dict[str, int]]:
        dispatchers, pipes = super().make_dispatchers(proc)
        dispatchers[pipes["stdout"]] = _LinePrefixer(proc, pipes["stdout"])
        return dispatchers, pipes


class _Options(ServerOptions):
    def processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> Any:
        return super().processes_from_section(parser, section, group_name, _PrefixedProcess)

    def make_logger(self) -> None:
        self.parse_infos: list[str] = []  # that we are who we are, in supervisor's own format
        super().make_logger()
        for handler in self.logger.handlers:
            handler.setFormat(prefix(OWN_NAME) + "%(message)s\n")

    def setpgrp(self) -> None:
        """In the child, before its program: a supervisor that is killed takes its processes along."""
        super().setpgrp()
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def configuration(specs: Sequence[ProcessSpec], folder: Path, directory: Path) -> str:
    """supervisord.conf for `specs`; `supervisorctl -c` reads it too."""
    socket_path = folder / "supervisor.sock"
    password = secrets.token_urlsafe()
    sections: dict[str, dict[str, object]] = {
        "supervisord": {
            "nodaemon": "true",
            "user": os.getuid(),
            "logfile": os.devnull,
            "logfile_maxbytes": 0,
            "minfds": min(_WISHED_DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            "pidfile": folder / "supervisord.pid",
            "childlogdir": folder,
        },
        "unix_http_server": {
            "file": socket_path,
            "chmod": "0700",
            "username": OWN_NAME,
            "password": password,
        },
        "supervisorctl": {"serverurl": f"unix://{socket_path}", "username": OWN_NAME, "password": password},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    for position, spec in enumerate(specs):
        sections[f"program:{spec.name}"] = {
            "command": shlex.join(spec.command),
            "directory": directory,
            "priority": 10 * (position + 1),  # ascending at start, descending at stop
            "autorestart": "true",
            "startretries": 1_000_000,  # a database may be away for hours; each wait is a second longer
            "stopwaitsecs": spec.stop_seconds,
            "killasgroup": "true",  # no child of a process that had to be killed lives on
            "redirect_stderr": "true",
            "stdout_logfile": "NONE",
        }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_escaped(value)}\n" for key, value in values.items())
        for name, values in sections.items()
    )


def reload(folder: Path) -> None:
    """Each process of the supervisor that works on `folder` ends and is started again; the ingress begins
    anew by itself, so that its ports stay open, and Redis goes on. OSError where there is no supervisor."""
    config = RawConfigParser()
    config.read(folder / "supervisord.conf")
    if not config.has_section("supervisorctl"):
        raise FileNotFoundError(f"{folder} has no supervisord.conf")
    access = config["supervisorctl"]
    transport = SupervisorTransport(access["username"], access["password"], access["serverurl"])
    with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
        supervisor: Any = proxy.supervisor
        for process in supervisor.getAllProcessInfo():
            name = process["name"]
            if process["statename"] != "RUNNING" or name == "redis":
                continue
            if name == "ingress":
                supervisor.signalProcess(name, "HUP")
            else:
                supervisor.stopProcess(name, True)
                supervisor.startProcess(name, True)


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


@contextlib.contextmanager
def sole_supervisor(folder: Path) -> Iterator[None]:
    """BlockingIOError where another supervisor works on the same data directory."""
    with (folder / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def run(specs: Sequence[ProcessSpec], folder: Path, directory: Path) -> None:
    """Supervise until SIGTERM, SIGINT or SIGQUIT has come and all have stopped."""
    path = folder / "supervisord.conf"
    path.touch(mode=0o600)
    path.write_text(configuration(specs, folder, directory))
    events.clear()
    options = _Options()
    options.first, options.test = True, False
    options.realize(["-c", str(path)])
    with contextlib.suppress(asyncore.ExitNow):
        Supervisor(options).main()
    options.close_httpservers()
    options.close_logger()
