"""The rivals that script/peers unpacks, and stock aiosmtpd, each set up for its quickest 250 that lasts.

Limits that protect them, look-ups of names and delivery onward are off, as they are for Postfix and for us.
"""

import contextlib
import os
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks._certificate import Certificate
from benchmarks._private import EXIM_ID, deepen_backlog, private
from benchmarks._targets import ROOT, Target, free_port, greets, postfix, smtp_sink
from tests.servers.process import Process, running

_PEERS = Path(os.environ.get("MAILMANAGER_DATA_DIR", ROOT / "var")).resolve() / "peers"
_DEBIAN = _PEERS / "debian" / "usr"
_LIBRARIES = {"LD_LIBRARY_PATH": ":".join(map(str, _DEBIAN.glob("lib/*-linux-gnu")))}
_SMTPD, _EXIM4 = _DEBIAN / "sbin" / "smtpd", _DEBIAN / "sbin" / "exim4"
_HARAKA = _PEERS / "haraka" / "node_modules" / "Haraka" / "bin" / "haraka"
_MAX_BYTES = 41_943_040  # of a message, as ours

# No mail is relayed: smtpd is told to pause that.
_OPENSMTPD = """\
smtp max-message-size "{max_bytes}"
listen on {address} port {port} hostname mail.bench.example
action "hold" relay
match from any for any action "hold"
"""

_EXIM = """\
primary_hostname = mail.bench.example
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = {address}.{port}
queue_only
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
smtp_connect_backlog = 4096
rfc1413_query_timeout = 0s
message_size_limit = {max_bytes}
check_spool_space = 0
check_log_space = 0
recipients_max = 0
keep_environment =
acl_smtp_rcpt = accept
{tls}
"""

_HARAKA_SETTINGS = {
    "smtp.ini": "listen={address}:{port}\nnodes=0\n",
    "connection.ini": "[max]\nbytes={max_bytes}\n[message]\n[uuid]\n[headers]\n",
    "plugins": "{tls}\nrcpt_any\nqueue_file\n",
    "loglevel": "ERROR\n",
    "log.ini": "[main]\nlevel=ERROR\n",
    "me": "mail.bench.example\n",
    "tls.ini": "key={key}\ncert={chain}\n",
}


@contextlib.contextmanager
def opensmtpd(folder: Path) -> Iterator[Target]:
    """As it is: it answers before anything is synced."""
    with _opensmtpd(folder, "OpenSMTPD as it is", "127.25.77.4") as target:
        yield target


@contextlib.contextmanager
def synchronous_opensmtpd(folder: Path) -> Iterator[Target]:
    """Its queue in a folder where the file system syncs each write, which no call shows."""
    with _opensmtpd(folder, "OpenSMTPD, chattr +S", "127.25.77.5", is_synchronous=True) as target:
        yield target


@contextlib.contextmanager
def _opensmtpd(folder: Path, name: str, address: str, *, is_synchronous: bool = False) -> Iterator[Target]:
    port = free_port(address)
    folder.mkdir(parents=True)
    settings = _OPENSMTPD.format(max_bytes=_MAX_BYTES, address=address, port=port)
    (folder / "smtpd.conf").write_text(settings)
    synchronous = ["sh", "-c", 'chattr +S /var/spool/smtpd && exec "$@"', "-"] if is_synchronous else []
    command: list[str | Path] = [_SMTPD, "-F", "-P", "mta", "-f", folder / "smtpd.conf"]
    server = private([*synchronous, *command], folder, _LIBRARIES)
    with running(server):
        server.wait_until(lambda: greets(address, port), "OpenSMTPD greets")
        deepen_backlog(server.pid)
        yield Target(name, address, port, server.pid, syncs="each write" if is_synchronous else "")


@contextlib.contextmanager
def exim(folder: Path, certificate: Certificate | None = None) -> Iterator[Target]:
    address, port = "127.25.77.6", free_port("127.25.77.6")
    folder.mkdir(parents=True)
    tls = (
        f"tls_advertise_hosts = *\ntls_certificate = {certificate.chain}\ntls_privatekey = {certificate.key}"
        if certificate
        else "tls_advertise_hosts ="
    )
    for part in ("spool", "log"):
        (folder / part).mkdir()
        os.chown(folder / part, EXIM_ID, EXIM_ID)
    (folder / "exim.conf").write_text(
        _EXIM.format(folder=folder, address=address, port=port, max_bytes=_MAX_BYTES, tls=tls)
    )
    server = private([_EXIM4, "-C", folder / "exim.conf", "-bdf"], folder, _LIBRARIES)
    with running(server):
        server.wait_until(lambda: greets(address, port), "Exim greets")
        yield Target("Exim, queue only", address, port, server.pid)


@contextlib.contextmanager
def haraka(folder: Path, certificate: Certificate | None = None) -> Iterator[Target]:
    """One process, with the two plugins of benchmarks/haraka/plugins."""
    address, port = "127.25.77.7", free_port("127.25.77.7")
    shutil.copytree(ROOT / "benchmarks" / "haraka" / "plugins", folder / "plugins")
    for part in ("config", "queue"):
        (folder / part).mkdir()
    for name, content in _HARAKA_SETTINGS.items():
        values = {
            "address": address,
            "port": port,
            "max_bytes": _MAX_BYTES,
            "tls": "tls" if certificate else "",
            "key": certificate.key if certificate else "",
            "chain": certificate.chain if certificate else "",
        }
        (folder / "config" / name).write_text(content.format(**values))
    # Its files are written by threads of Node, of which there are four by default.
    environment = {"QUEUE_DIR": str(folder / "queue"), "UV_THREADPOOL_SIZE": "64"}
    server = private(["node", _HARAKA, "-c", folder], folder, environment)
    with running(server):
        server.wait_until(lambda: greets(address, port), "Haraka greets")
        yield Target("Haraka, fsync", address, port, server.pid)


@contextlib.contextmanager
def stock_aiosmtpd(folder: Path, certificate: Certificate | None = None) -> Iterator[Target]:
    """One process, with the handler of benchmarks/_stock.py."""
    address, port = "127.25.77.8", free_port("127.25.77.8")
    folder.mkdir(parents=True)
    certificates = [certificate.chain, certificate.key] if certificate else []
    server = Process(
        [sys.executable, "-m", "benchmarks._stock", address, str(port), folder, *certificates],
        log=folder / "stock.log",
        cwd=ROOT,
    )
    with running(server):
        server.wait_until(lambda: greets(address, port), "aiosmtpd greets")
        yield Target("aiosmtpd, fsync", address, port, server.pid)


@dataclass(frozen=True)
class Peer:
    """`start`: takes a folder that it makes; `files`: what must be installed."""

    start: Callable[[Path], AbstractContextManager[Target]]
    files: tuple[str | Path, ...] = ()

    @property
    def is_there(self) -> bool:
        return all(shutil.which(file) for file in self.files)


_POSTFIX = Peer(postfix, ("postfix", "unshare"))
# What `accept` compares, by the names of the command line.
ACCEPTING = {
    "postfix": _POSTFIX,
    "opensmtpd": Peer(opensmtpd, (_SMTPD, "unshare")),
    "opensmtpd-sync": Peer(synchronous_opensmtpd, (_SMTPD, "unshare", "chattr")),
    "exim": Peer(exim, (_EXIM4, "unshare")),
    "haraka": Peer(haraka, (_HARAKA, "node", "unshare")),
    "aiosmtpd": Peer(stock_aiosmtpd),
    "smtp-sink": Peer(smtp_sink, ("smtp-sink",)),
}


def securing(certificate: Certificate | None) -> dict[str, Peer]:
    """What `tls` compares. OpenSMTPD is none of them: Debian 12's breaks off each handshake with an
    internal error."""
    starts = {"postfix": postfix, "exim": exim, "haraka": haraka, "aiosmtpd": stock_aiosmtpd}
    return {
        name: Peer(partial(start, certificate=certificate), ACCEPTING[name].files)
        for name, start in starts.items()
    }


# What `idle` compares: who gives each connection a process gets fewer of them.
RESTING = {name: ACCEPTING[name] for name in ("postfix", "opensmtpd", "exim", "haraka", "aiosmtpd")}


def add_peers_option(parser: ArgumentParser, peers: Mapping[str, object]) -> None:
    parser.add_argument(
        "--peers",
        default=",".join(peers),
        type=lambda text: text.split(",") if text else [],
        help="which, divided by commas; '' for none (default: all that are there: %(default)s)",
    )


def started(
    stack: ExitStack, folder: Path, peers: Mapping[str, Peer], wanted: Sequence[str]
) -> Iterator[Target]:
    """Those that are there; says which are not."""
    for name in wanted:
        if name not in peers:
            raise SystemExit(f"no peer {name}: there are {', '.join(peers)}")
        if peers[name].is_there:
            yield stack.enter_context(peers[name].start(folder / name))
        else:
            print(f"missing, see docs/performance.md: {name}", flush=True)
