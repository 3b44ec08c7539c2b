"""How the cost of a message grows with sessions, sizes, recipients, endpoints, statements, addresses of a
list and processes: rate and CPU time, beside a base in alternating rounds.

What counts is the median of the ratios to the base within each round.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from statistics import median

from benchmarks._idle_load import most_files
from benchmarks._measure import Load, Round, fitting_load, measure, median_ratio, table
from benchmarks._targets import Target, ingress

_BASE = Load(messages=100, sessions=50, size_bytes=10_240, is_reused=False)
_BASE_ADDRESS = "127.70.0.1"
_WAYS = {"new": False, "reused": True}

_SIZES = {
    "10 KB": 10_240,
    "1 KB": 1024,
    "100 KB": 102_400,
    "1 MB": 1_048_576,
    "10 MB": 10_485_760,
    "40 MB": 41_000_000,
}
_BYTES_AT_ONCE = 80_000_000  # of all sessions; the ingress has a budget
_TRIAL_BYTES = 10_000_000
_OTHER_FILES = 500  # than a socket for each endpoint
# Statements of a policy, addresses of the list that one more asks for.
_STATEMENTS = ((0, 0), (20, 0), (100, 0), (1000, 0))
_LISTS = ((0, 0), (0, 1000), (0, 1_000_000), (1000, 1_000_000))
_MOST_STATEMENTS = {"MAILMANAGER_MAX_POLICY_STATEMENTS": "2000"}

Policy = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """`server` None: the base's. Ratios are to the case `beside`, or else to the first of the section."""

    name: str
    load: Load = _BASE
    server: Target | None = None
    beside: "Case | None" = None


@dataclass(frozen=True)
class Setting:
    """Where a section finds its servers: at the base's process, which has an endpoint for each of
    `policies`, and at others that it starts."""

    base: Target
    policies: Sequence[Policy]
    stack: ExitStack
    folder: Path
    most: int

    def with_policy(self, policy: Policy) -> Target:
        number = self.policies.index(policy)
        return replace(self.base, address=str(ip_address(_BASE_ADDRESS) + number))

    def start(self, address: str, *, endpoints: int = 1, processes: int = 1) -> Target:
        rows = _rows(address, endpoints, [(0, 0)])
        return self.stack.enter_context(
            ingress(self.folder / address, processes=processes, address=address, rows=rows)
        )


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    policies = policies_of(options)
    try:
        with ingress(
            folder / "base",
            address=_BASE_ADDRESS,
            rows=_rows(_BASE_ADDRESS, len(policies), policies),
            more_environment=_MOST_STATEMENTS,
        ) as base:
            print(f"\n{options.rounds} rounds of {options.seconds:g} s")
            for section in options.sections:
                with ExitStack() as stack:
                    setting = Setting(base, policies, stack, folder, options.most)
                    print(f"\n{report(section, setting, options)}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def policies_of(options: argparse.Namespace) -> list[Policy]:
    """Those that the sections need, the base's first."""
    wanted = [(0, 0)]
    wanted += _STATEMENTS if "statements" in options.sections else ()
    wanted += _lists_of(options.most) if "lists" in options.sections else ()
    return list(dict.fromkeys(wanted))


def _lists_of(most: int) -> list[Policy]:
    return [(statements, min(members, most)) for statements, members in _LISTS]


def _rows(address: str, endpoints: int, policies: Sequence[Policy]) -> tuple[str, ...]:
    specifications = (f"{statements},{members}" for statements, members in policies)
    return "benchmarks._scale_rows", address, str(endpoints), *specifications


# --- what grows: the first case of each is the base -----------------------------------------------


def _sessions(_: Setting) -> Iterator[Case]:
    for count in (50, 1, 10, 200, 1000):
        yield Case(f"{count:,}", replace(_BASE, sessions=count, messages=max(_BASE.messages, count)))


def _sizes(_: Setting) -> Iterator[Case]:
    for name, size in _SIZES.items():
        sessions = max(1, min(_BASE.sessions, _BYTES_AT_ONCE // size))
        messages = max(sessions, min(_BASE.messages, _TRIAL_BYTES // size))
        yield Case(name, replace(_BASE, size_bytes=size, sessions=sessions, messages=messages))


def _recipients(_: Setting) -> Iterator[Case]:
    for count in (1, 10, 100):
        yield Case(f"{count}", replace(_BASE, recipients=count))


def _endpoints(setting: Setting) -> Iterator[Case]:
    yield Case("1")
    for number, wanted in enumerate((100, 1000, 10_000)):
        count = min(wanted, setting.most, most_files() - _OTHER_FILES)
        yield Case(f"{count:,}", server=setting.start(f"127.{71 + number}.0.1", endpoints=count))


def _statements(setting: Setting) -> Iterator[Case]:
    for policy in _STATEMENTS:
        yield Case(f"{policy[0]:,}", server=setting.with_policy(policy))


def _lists(setting: Setting) -> Iterator[Case]:
    for policy in _lists_of(setting.most):
        name = f"{policy[0]:,} statements, {policy[1]:,} addresses"
        yield Case(name, server=setting.with_policy(policy))


def _processes(setting: Setting) -> Iterator[Case]:
    two = setting.start("127.75.0.1", processes=2)
    for sessions in (50, 200):
        load = replace(_BASE, sessions=sessions, messages=2 * sessions)
        one = Case(f"1, {sessions} sessions", load)
        yield one
        yield Case(f"2, {sessions} sessions", load, two, beside=one)


_SECTIONS: Mapping[str, Callable[[Setting], Iterator[Case]]] = {
    "sessions": _sessions,
    "sizes": _sizes,
    "recipients": _recipients,
    "endpoints": _endpoints,
    "statements": _statements,
    "lists": _lists,
    "processes": _processes,
}


# --- measured --------------------------------------------------------------------------------------


def report(section: str, setting: Setting, options: argparse.Namespace) -> str:
    cases = list(_SECTIONS[section](setting))
    ways = [_rounds(setting.base, cases, options, is_reused) for is_reused in _WAYS.values()]
    header = [section]
    for way in _WAYS:
        header += [f"{way}: /s", "CPU ms", "rate to base", "for each CPU second"]
    rows = []
    for case in cases:
        row = [case.name]
        for rounds in ways:
            first, own = rounds[case.beside or cases[0]], rounds[case]
            row += [
                f"{median(one.rate for one in own):,.0f}",
                f"{median(map(_cost, own)) * 1000:.3f}",
                f"{median_ratio(own, first):.2f}",
                f"{median(_cost(b) / _cost(a) for a, b in zip(own, first, strict=True)):.2f}",
            ]
        rows.append(row)
    return table(header, rows)


def _rounds(
    base: Target, cases: Sequence[Case], options: argparse.Namespace, is_reused: bool
) -> Mapping[Case, Sequence[Round]]:
    loads: dict[Case, Load] = {}
    for case in cases:
        server, trial = case.server or base, replace(case.load, is_reused=is_reused)
        loads[case] = fitting_load(server.address, server.port, trial, options.seconds)
    rounds: dict[Case, list[Round]] = {case: [] for case in cases}
    for _ in range(options.rounds):
        for case, load in loads.items():
            server = case.server or base
            rounds[case].append(measure(server.address, server.port, server.pid, load))
    return rounds


def _cost(one: Round) -> float:
    """CPU seconds of a message; of all, a tick at least: less the kernel does not tell."""
    return max(one.cpu_seconds, 0.01) / one.messages


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(_SECTIONS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each round and case")
    parser.add_argument("--most", type=int, default=1_000_000, help="endpoints or addresses of a list")
    options = parser.parse_args(arguments)
    if unknown := set(options.sections) - set(_SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}")
    options.sections = options.sections or list(_SECTIONS)
    return options


if __name__ == "__main__":
    main()
