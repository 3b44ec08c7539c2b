"""What every benchmark needs: clients that load a target, CPU seconds of its processes, its syncs, tables."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

_TICKS = os.sysconf("SC_CLK_TCK")
_SYNCS = "fsync,fdatasync,sync_file_range,msync"


@dataclass(frozen=True)
class Load:
    """What smtp-source sends: `sessions` at once, a new connection for each message unless reused."""

    messages: int
    sessions: int
    size_bytes: int
    is_reused: bool
    recipients: int = 1


@dataclass(frozen=True)
class Round:
    messages: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


def run_load(address: str, port: int, load: Load) -> float:
    """Seconds until the last message was accepted. CalledProcessError where one was not."""
    command = [
        "smtp-source",
        *(["-d"] if load.is_reused else []),
        *("-s", str(load.sessions), "-m", str(load.messages), "-l", str(load.size_bytes)),
        *("-r", str(load.recipients)),
        *("-f", "sender@client.example", "-t", "recipient@bench.example"),
        f"{address}:{port}",
    ]
    started_at = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started_at


def fitting_load(address: str, port: int, trial: Load, seconds: float) -> Load:
    """With so many messages that it takes about `seconds`, found by `trial`, which warms up too."""
    run_load(address, port, trial)
    rate = trial.messages / run_load(address, port, trial)
    return replace(trial, messages=max(trial.messages, int(rate * seconds)))


def measure(address: str, port: int, pid: int, load: Load) -> Round:
    before = cpu_seconds(pid)
    seconds = run_load(address, port, load)
    return Round(load.messages, seconds, cpu_seconds(pid) - before)


def cpu_seconds(pid: int) -> float:
    """Used by the process, its descendants that live, and those it waited for."""
    return sum(_own_cpu_seconds(one) for one in family(pid))


def cpu_seconds_of(pid: int, word: str) -> float:
    """As `cpu_seconds`, of those whose command has `word` in it."""
    return sum(_own_cpu_seconds(one) for one in family(pid) if word in _command(one))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def family(pid: int) -> list[int]:
    """`pid` and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found


def _own_cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) stat from the state on; [] where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def count_syncs(address: str, port: int, pid: int, load: Load) -> int | None:
    """Calls that put data on disk, by all processes of `pid`, while `load` is sent; None without strace.
    strace slows its subject, so rate and syncs are never measured together."""
    report = Path(f"/tmp/syncs.{os.getpid()}")
    targets = [part for one in family(pid) for part in ("-p", str(one))]
    try:
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-e", f"trace={_SYNCS}", "-o", str(report), *targets],
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return None
    try:
        time.sleep(1.0)  # to attach
        run_load(address, port, load)
        time.sleep(0.3)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
    text = report.read_text() if report.exists() else ""
    report.unlink(missing_ok=True)
    return sum(
        int(calls) for calls in re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s", text, re.MULTILINE)[:-1]
    )


def median_ratio(mine: Sequence[Round], theirs: Sequence[Round]) -> float:
    """The middle of the ratios within each round: what disturbs a round disturbs both."""
    return median(a.rate / b.rate for a, b in zip(mine, theirs, strict=True))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [
        " | ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, *rows)
    ]
    rule = "|".join(
        "-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)
    )
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])
