"""Beside a benchmarked ingress, in its environment: makes COUNT open endpoints at addresses from FIRST on.

The first of them have a policy each, `STATEMENTS,MEMBERS`: so many statements, none of which matches the
benchmark's recipient, and, if not 0, one that denies recipients in a list of so many addresses. All others
have the policy of the first.
"""

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import chain, islice, repeat
from itertools import count as naturals
from typing import Any

import django


def main(first: str, count: str, *specifications: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")
    django.setup()
    from benchmarks._endpoint import make_endpoints

    list_arns = {0: ""}
    policy_ids = []
    for number, specification in enumerate(specifications):
        statements, members = map(int, specification.split(","))
        if members not in list_arns:
            list_arns[members] = make_list(members)
        policy_ids.append(make_policy(f"bench-{number}", statements, list_arns[members]))
    addresses = [str(ip_address(first) + number) for number in range(int(count))]
    make_endpoints(addresses, chain(policy_ids, repeat(policy_ids[0])))


def make_list(members: int) -> str:
    """Its ARN."""
    from access.actor import system
    from addresslists.services import lists
    from addresslists.services.members import import_members

    made = lists.create(system("benchmark"), name=f"bench-{members}")
    import_members(
        system("benchmark"), made.id, (f"person.{number}@members.example" for number in range(members))
    )
    return made.arn


def make_policy(name: str, statements: int, list_arn: str) -> str:
    """Its ID."""
    from access.actor import system
    from policies import services
    from tests.policies.documents import deny, in_list

    documents = list(islice(statements_that_pass(), statements))
    if list_arn:
        documents.append(deny(in_list(list_arn)))
    return services.create(system("benchmark"), name=name, default_action="ALLOW", statements=documents).pk


def statements_that_pass() -> Iterator[dict[str, Any]]:
    """Of every kind, each with values of its own."""
    from tests.policies.documents import allow, deny, ipv4, recipient, tls

    for number in naturals():
        yield from (
            deny(recipient("EQUALS", f"spam-{number}@bench.example")),
            deny(recipient("STARTS_WITH", f"trap-{number}-")),
            deny(recipient("ENDS_WITH", f"@gone-{number}.example")),
            deny(recipient("CONTAINS", f"+spam-{number}")),
            deny(ipv4(f"10.{number // 256}.{number % 256}.0/24")),
            deny(recipient("ENDS_WITH", f"@room-{number}.example"), ipv4(f"172.16.{number % 256}.0/24")),
            allow(
                recipient("EQUALS", f"person-{number}@bench.example"), tls("MINIMUM_TLS_VERSION", "TLS1_2")
            ),
            allow(recipient("ENDS_WITH", f"@other-{number}.example")),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
