"""Servers whose users, queues and sockets have names of the system, on such of their own."""

import ctypes
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks._measure import family
from tests.servers.process import Process

_BACKLOG = 4096
_PIDFD_GETFD = 438  # on every architecture
EXIM_ID = 61_003  # as user and as group

# In a mount namespace, so that the system's stay as they are.
_PRIVATE = f"""\
set -eu
cat /etc/passwd - > passwd <<END
opensmtpd:x:61001:61001::/var/lib/opensmtpd/empty:/usr/sbin/nologin
opensmtpq:x:61002:61002::/var/lib/opensmtpd/empty:/usr/sbin/nologin
Debian-exim:x:{EXIM_ID}:{EXIM_ID}::/var/spool/exim4:/usr/sbin/nologin
END
cat /etc/group - > group <<END
opensmtpd:x:61001:
opensmtpq:x:61002:
Debian-exim:x:{EXIM_ID}:
END
printf 'lookup file\\nnameserver 127.25.77.9\\n' > resolv.conf
mkdir -p spool/smtpd run lib/opensmtpd/empty
chmod 711 spool/smtpd
mount --bind passwd /etc/passwd
mount --bind group /etc/group
mount --bind resolv.conf /etc/resolv.conf
mount --bind spool /var/spool
mount --bind run /run
mount --bind lib /var/lib
exec "$@"
"""


def private(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> Process:
    """`command` where OpenSMTPD and Exim have users, and /var/spool, /var/lib and /run lie in `folder`."""
    return Process(
        ["unshare", "--mount", "sh", "-c", _PRIVATE, "-", *command],
        log=folder / "output.log",
        env=environment,
        cwd=folder,
    )


def deepen_backlog(pid: int) -> None:
    """Of the listening sockets of a server that lets few connections wait, so that many new ones would crawl:
    listen(2) may be repeated by whoever has the socket."""
    for listening in _listening_sockets(pid):
        listening.listen(_BACKLOG)


def _listening_sockets(pid: int) -> Iterator[socket.socket]:
    """Of the process and its descendants. OSError where the kernel has no pidfd_getfd(2) (Linux 5.6)."""
    system = ctypes.CDLL(None, use_errno=True)
    for one in family(pid):
        process = os.pidfd_open(one)
        try:
            for entry in Path(f"/proc/{one}/fd").iterdir():
                if not str(entry.readlink()).startswith("socket:"):
                    continue
                number = system.syscall(_PIDFD_GETFD, process, int(entry.name), 0)
                if number < 0:
                    raise OSError(ctypes.get_errno(), f"pidfd_getfd {one}")
                with socket.socket(fileno=number) as found:
                    if found.family == socket.AF_INET and found.getsockopt(
                        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
                    ):
                        yield found
        finally:
            os.close(process)
