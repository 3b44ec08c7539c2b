"""AUTH conversations in a second: Mail Manager beside Postfix with Dovecot's SASL, with few and with many
endpoints, secrets and users, in alternating rounds.

As in `accept`, what counts is the ratio within a round, and of those the median. All hash by Argon2id with
the same parameters. Right passwords are not alike: our ingress recognises one that was right before
without hashing it again, Dovecot hashes each time. Wrong passwords are: everybody hashes.
"""

import argparse
import resource
import shutil
import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from statistics import median

from benchmarks._auth_load import AuthLoad, sign_in
from benchmarks._auth_targets import AuthTarget, our_ingress, postfix_with_dovecot
from benchmarks._certificate import make_certificate
from benchmarks._measure import Round, cpu_seconds, median_ratio, table

_FEW = 10
# Each endpoint listens at two ports. Where the hard limit of open files is too low, fewer are made.
_SOCKETS, _OTHER_FILES = 2, 500
_OURS = {"typed": "Mail Manager, typed password", "secret": "Mail Manager, secret"}
_POSTFIX = "Postfix with Dovecot"
_NAMES = (*_OURS.values(), _POSTFIX)

Case = tuple[str, int]  # name, endpoints


def main() -> None:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # Postfix's and Dovecot's own users look into it
    try:
        with ExitStack() as stack:
            cases = _cases(stack, folder, (_FEW, options.many))
            for is_tls, is_right in product((True, False), repeat=2):
                load = AuthLoad(options.sessions, options.seconds, is_tls, is_right)
                way = "STARTTLS" if is_tls else "in the clear"
                print(f"\n{way}, {'right' if is_right else 'wrong'} passwords")
                print(f"({options.sessions} sessions, {options.rounds} rounds of {options.seconds:g} s)\n")
                print(_compared(cases, load, options), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cases(stack: ExitStack, folder: Path, counts: tuple[int, ...]) -> dict[Case, AuthTarget]:
    """All servers run at the same time, so that every round meets each of them."""
    certificate = make_certificate(folder)
    cases: dict[Case, AuthTarget] = {}
    for index, count in enumerate(counts):
        ours = stack.enter_context(
            our_ingress(folder / f"ingress-{count}", certificate, count, f"127.{80 + index}.0.1")
        )
        for way, name in _OURS.items():
            accounts = tuple(account for account in ours.accounts if account.way == way)
            cases[name, count] = AuthTarget(accounts, ours.pids)
        cases[_POSTFIX, count] = stack.enter_context(
            postfix_with_dovecot(folder / f"p{count}", certificate, count, f"127.25.78.{index + 1}")
        )
    return cases


def _compared(cases: dict[Case, AuthTarget], load: AuthLoad, options: argparse.Namespace) -> str:
    for target in cases.values():  # the first of all is slower everywhere: processes start, code is read
        sign_in(target.accounts, AuthLoad(load.sessions, 0.5, load.is_tls, is_right=True))
    rounds: dict[Case, list[Round]] = {case: [] for case in cases}
    for _ in range(options.rounds):
        for case, target in cases.items():
            rounds[case].append(_measure(target, load))
    return table(
        [
            "",
            *(heading for count in (_FEW, options.many) for heading in (f"{count:,}: /s", "CPU ms")),
            f"{options.many:,} to {_FEW}",
            "to Postfix",
        ],
        [
            [
                name,
                *(cell for count in (_FEW, options.many) for cell in _figures(rounds[name, count])),
                f"{median_ratio(rounds[name, options.many], rounds[name, _FEW]):.2f}",
                ""
                if name == _POSTFIX
                else f"{median_ratio(rounds[name, options.many], rounds[_POSTFIX, options.many]):.2f}",
            ]
            for name in _NAMES
        ],
    )


def _measure(target: AuthTarget, load: AuthLoad) -> Round:
    before = sum(map(cpu_seconds, target.pids))
    done, seconds = sign_in(target.accounts, load)
    return Round(done, seconds, sum(map(cpu_seconds, target.pids)) - before)


def _figures(rounds: list[Round]) -> tuple[str, str]:
    rate = median(one.rate for one in rounds)
    return f"{rate:.0f}", f"{median(one.cpu_seconds / one.messages for one in rounds) * 1000:.2f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round and server")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--many", type=int, default=10_000, help="endpoints, secrets, users")
    options = parser.parse_args()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    options.many = min(options.many, (most_files - _OTHER_FILES) // _SOCKETS)
    return options


if __name__ == "__main__":
    main()
