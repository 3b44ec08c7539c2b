"""A Postfix of the tests' own: private configuration, queue and resolver, on a loopback port.

It knows nothing of Mail Manager but what DNS tells it. Its resolv.conf is bound over the machine's
in a mount namespace of its own, so that look-ups go to the test's DNS server and nowhere else.
Needs root, as Postfix's master and the namespace do.
"""

import contextlib
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

_DAEMONS = Path("/usr/lib/postfix/sbin")
_START_TIMEOUT_SECONDS = 20

_MASTER_CF = """\
{address}:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
retry unix - - n - - error
error unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
proxymap unix - - n - - proxymap
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
daemon_directory = {daemons}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log/postfix.log
maillog_file_prefixes = {root}
myhostname = {host_name}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_recipient_restrictions =
smtp_tls_security_level = {tls_level}
smtp_tls_loglevel = 1
smtp_host_lookup = dns
smtp_bind_address = {address}
alias_maps =
alias_database =
local_recipient_maps =
biff = no
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
"""


class Postfix:
    """`tls_level` as Postfix names it: `may`, `encrypt`, `none`. `more_settings`: lines of main.cf, which
    win over its own of the same name."""

    def __init__(
        self,
        root: Path,
        *,
        address: str,
        resolver: str,
        tls_level: str = "may",
        host_name: str = "sender.example",
        more_settings: str = "",
    ) -> None:
        self._root = root
        self.address = address
        self._resolver = resolver
        self._tls_level = tls_level
        self._host_name = host_name
        self._more_settings = more_settings
        self.port = 0
        self._master: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._lay_out()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._master is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._master.pid, signal.SIGTERM)
            try:
                self._master.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self._master.pid, signal.SIGKILL)
                self._master.wait()
            self._master = None
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Of the master."""
        assert self._master is not None, "not started"
        return self._master.pid

    @property
    def log(self) -> str:
        path = self._root / "log" / "postfix.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def is_queue_empty(self) -> bool:
        queues = ("incoming", "active", "deferred", "maildrop")
        return not any(
            entry.is_file() for name in queues for entry in (self._root / "queue" / name).rglob("*")
        )

    def _lay_out(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        self._root.chmod(0o755)
        for name in ("config", "queue", "data", "log"):
            (self._root / name).mkdir(exist_ok=True)
        with socket.socket() as probe:  # the kernel gives the port; master takes it a moment later
            probe.bind((self.address, 0))
            self.port = probe.getsockname()[1]
        values = {
            "root": self._root,
            "daemons": _DAEMONS,
            "address": self.address,
            "port": self.port,
            "host_name": self._host_name,
            "tls_level": self._tls_level,
        }
        config = self._root / "config"
        (config / "main.cf").write_text(_MAIN_CF.format(**values) + self._more_settings)
        (config / "master.cf").write_text(_MASTER_CF.format(**values))
        (config / "resolv.conf").write_text(f"nameserver {self._resolver}\noptions timeout:2 attempts:2\n")
        owner = pwd.getpwnam("postfix").pw_uid
        group = grp.getgrnam("postdrop").gr_gid
        os.chown(self._root / "data", owner, -1)
        queue = self._root / "queue"
        owned = [
            "active",
            "bounce",
            "corrupt",
            "defer",
            "deferred",
            "flush",
            "hold",
            "incoming",
            "private",
            "saved",
            "trace",
        ]
        for name in (*owned, "maildrop", "public", "pid"):
            (queue / name).mkdir(mode=0o700, exist_ok=True)
        for name in owned:
            os.chown(queue / name, owner, -1)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            os.chown(queue / name, owner, group)
            (queue / name).chmod(mode)

    def _start(self) -> None:
        config = self._root / "config"
        script = (
            f'mount --bind "{config}/resolv.conf" /etc/resolv.conf && exec {_DAEMONS}/master -d -c "{config}"'
        )
        with (self._root / "log" / "stderr").open("wb") as stderr_file:
            self._master = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr_file,
                start_new_session=True,
                env={"MAIL_CONFIG": str(config), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._master.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1):
                return
            time.sleep(0.1)
        stderr = (self._root / "log" / "stderr").read_text(errors="replace")
        raise RuntimeError(f"Postfix did not start: {stderr} {self.log[-2000:]}")
