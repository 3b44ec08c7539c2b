"""Operations of the API in a second, with few and with many resources, beside moto's server, in
alternating rounds.

moto has no Mail Manager; secrets are what both have. It is a stand-in for tests: it keeps all in memory,
checks no signature, writes no audit entry. What counts is the ratio within a round, and the median of those.
"""

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks._api_targets import Target, moto_server, our_server, prepare, repeated, run
from benchmarks._measure import table

_FEW = 10
_OURS, _MOTO = "Mail Manager", "moto"
_numbers = itertools.count()

Documents = Iterator[dict[str, object]]


def _new(member: str, rest: dict[str, object], times: int) -> Documents:
    """Inputs of which each has a name of its own."""
    return ({member: f"made-{next(_numbers)}", **rest} for _ in range(times))


def _get_secret(times: int) -> Documents:
    return repeated({"SecretId": "filled-5"}, times)


def _list_secrets(times: int) -> Documents:
    return repeated({"MaxResults": 50}, times)


def _create_secret(times: int) -> Documents:
    return _new("Name", {"SecretString": "value"}, times)


def _get_policy(times: int) -> Documents:
    return repeated({"TrafficPolicyId": f"tp-{5:024d}"}, times)


def _list_policies(times: int) -> Documents:
    return repeated({"PageSize": 50}, times)


def _create_policy(times: int) -> Documents:
    return _new("TrafficPolicyName", {"DefaultAction": "ALLOW", "PolicyStatements": []}, times)


# service, operation, its inputs, whether moto has it
_CASES = (
    ("secretsmanager", "DescribeSecret", _get_secret, True),
    ("secretsmanager", "ListSecrets", _list_secrets, True),
    ("secretsmanager", "CreateSecret", _create_secret, True),
    ("mailmanager", "GetTrafficPolicy", _get_policy, False),
    ("mailmanager", "ListTrafficPolicies", _list_policies, False),
    ("mailmanager", "CreateTrafficPolicy", _create_policy, False),
)


def main() -> None:
    options = _options()
    print(f"{options.clients} clients, {options.rounds} rounds of {options.requests} requests\n")
    rows = []
    for count in (_FEW, options.many):
        with ExitStack() as stack:
            targets = [stack.enter_context(serve(count)) for serve in (our_server, moto_server)]
            rates = _measured(targets, options)
        for service, operation, _inputs, _is_shared in _CASES:
            ours, theirs = rates[operation, _OURS], rates[operation, _MOTO]
            ratios = [mine / other for mine, other in zip(ours, theirs, strict=False)]
            rows.append(
                [
                    f"{service} {operation}",
                    f"{count:,}",
                    f"{median(ours):,.0f}",
                    f"{median(theirs):,.0f}" if theirs else "-",
                    f"{median(ratios):.2f}" if ratios else "-",
                ]
            )
    print(table(["operation", "resources", "Mail Manager /s", "moto /s", "ratio"], rows))


def _measured(targets: list[Target], options: argparse.Namespace) -> dict[tuple[str, str], list[float]]:
    """{(operation, target): a rate for each round}. What is signed is good for five minutes, so each
    round signs anew."""
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for service, operation, inputs, is_shared in _CASES:
            for target in targets:
                if is_shared or target.name == _OURS:
                    prepared = prepare(target, service, operation, inputs(options.requests))
                    seconds = run(target, prepared, clients=options.clients)
                    rates[operation, target.name].append(options.requests / seconds)
    return rates


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--many", type=int, default=10_000, help="resources (%(default)s)")
    parser.add_argument("--requests", type=int, default=500, help="of each in a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="at once (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
