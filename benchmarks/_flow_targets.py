"""Servers that accept mail and relay it on, and the sinks where it arrives and is counted."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks._flow_rows import ASKED
from benchmarks._targets import POSTFIX_SETTINGS, ROOT, START_SECONDS, free_port, greets, run
from tests.servers.postfix import Postfix
from tests.servers.process import Process, running

# What limits Postfix for its own protection or politeness is off; it talks to its relay on as many
# connections as it was sent on, and keeps them.
_RELAYING_POSTFIX = """\
smtpd_recipient_restrictions =
relayhost = [{host}]:{port}
header_checks = regexp:{checks}
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 100000
initial_destination_concurrency = 50
smtp_destination_concurrency_limit = 50
smtp_connection_cache_destinations = [{host}]:{port}
smtp_tls_security_level = none
"""


@dataclass(frozen=True)
class Sink:
    """smtp-sink of Postfix: one process in C, that keeps nothing and writes down how many it had."""

    host: str
    port: int
    counters: Path

    def count(self) -> int:
        """Messages so far."""
        with self.counters.open("rb") as file:
            file.seek(max(0, self.counters.stat().st_size - 200))
            reports = [report for report in file.read().split(b"\r") if report.count(b"mesg=")]
        return int(reports[-1].rpartition(b"mesg=")[2]) if reports else 0


@dataclass(frozen=True)
class FlowTarget:
    """`pid`: a process that, with its descendants, does all of the target's work."""

    name: str
    address: str
    port: int
    pid: int
    sink: Sink


@contextlib.contextmanager
def counting_sink(folder: Path, host: str) -> Iterator[Sink]:
    folder.mkdir(parents=True)
    port, counters = free_port(host), folder / "counters"
    command = [shutil.which("smtp-sink") or "smtp-sink", "-c", "-m", "4096", "-u", "nobody"]
    with running(Process([*command, f"{host}:{port}", "4096"], log=counters)) as server:
        server.wait_until(lambda: greets(host, port), "smtp-sink greets")
        yield Sink(host, port, counters)


@contextlib.contextmanager
def mail_manager(
    folder: Path, *, address: str, sink_host: str, rules: int, environment: Mapping[str, str]
) -> Iterator[FlowTarget]:
    """The processes that mail goes through, under their supervisor as `script/server` starts them."""
    port = free_port(address)
    variables = {
        "MAILMANAGER_ENV_FILE": os.devnull,
        "MAILMANAGER_DATA_DIR": str(folder),
        "MAILMANAGER_SMTP_PORT": str(port),
        "MAILMANAGER_SUBMISSION_PORT": str(free_port(address)),
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    folder.mkdir(mode=0o700)
    manage = [sys.executable, str(ROOT / "manage.py")]
    with counting_sink(folder.with_name(f"{folder.name}-sink"), sink_host) as sink:
        for database in ("default", "spool"):
            run([*manage, "migrate", "-v0", "--database", database], variables)
        rows = [address, str(rules), sink.host, str(sink.port)]
        run([sys.executable, "-m", "benchmarks._flow_rows", *rows], variables)
        command = [*manage, "supervise", "redis", "worker", "beat", "ingress"]
        supervisor = Process(command, log=folder / "stream.log", env=variables, cwd=ROOT)
        with running(supervisor, stop_timeout_seconds=90):
            supervisor.wait_until(
                lambda: greets(address, port), "ingress greets", timeout_seconds=START_SECONDS
            )
            yield FlowTarget("Mail Manager", address, port, supervisor.pid, sink)


@contextlib.contextmanager
def postfix(folder: Path, *, address: str, sink_host: str, rules: int) -> Iterator[FlowTarget]:
    folder.mkdir(mode=0o755)
    checks = folder / "header_checks"
    checks.write_text(
        "".join(f"/^{ASKED[n % len(ASKED)]}:.*nowhere-{n}/ DISCARD\n" for n in range(rules - 1))
        + "/^Subject:.*minutes/ DUNNO\n"
    )
    checks.chmod(0o644)
    with counting_sink(folder / "sink", sink_host) as sink:
        more = _RELAYING_POSTFIX.format(host=sink.host, port=sink.port, checks=checks)
        with Postfix(
            folder / "postfix", address=address, resolver=address, more_settings=POSTFIX_SETTINGS + more
        ) as server:
            yield FlowTarget("Postfix", address, server.port, server.pid, sink)
