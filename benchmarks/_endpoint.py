"""Beside a benchmarked ingress, in its environment: `ADDRESS` makes an open endpoint there, that allows
all; `--redis` becomes its Redis."""

import os
import sys
from collections.abc import Iterable, Sequence

import django


def main(argument: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")
    django.setup()
    if argument == "--redis":
        become_redis()
    else:
        make_endpoint(argument)


def become_redis() -> None:
    from django.conf import settings

    from mailmanager.embedded_redis import redis_command

    command = redis_command(settings.REDIS_SOCKET)
    os.execv(command[0], command)


def make_endpoint(address: str) -> None:
    from policies.models import TrafficPolicy

    policy = TrafficPolicy.objects.create(name="bench", default_action="ALLOW", statements=[])
    make_endpoints([address], [policy.pk])


def make_endpoints(addresses: Sequence[str], policy_ids: Iterable[str]) -> None:
    """Open ones, as rows; each with the policy that stands at its place."""
    from core.identifiers import new_id
    from endpoints.models import EndpointAddress, IngressEndpoint
    from rulesets.models import RuleSet

    rule_set = RuleSet.objects.create(name="bench", rules=[])
    endpoints = IngressEndpoint.objects.bulk_create(
        IngressEndpoint(
            id=new_id(IngressEndpoint.PREFIX),
            name=f"bench-{number}",
            type=IngressEndpoint.Type.OPEN,
            tls_policy=IngressEndpoint.TlsPolicy.OPTIONAL,
            status=IngressEndpoint.Status.ACTIVE,
            wished_status=IngressEndpoint.Status.ACTIVE,
            record_label=f"bench{number}.bench",
            traffic_policy_id=policy_id,
            rule_set=rule_set,
        )
        for number, (_, policy_id) in enumerate(zip(addresses, policy_ids, strict=False))
    )
    EndpointAddress.objects.bulk_create(
        EndpointAddress(address=address, endpoint=endpoint)
        for address, endpoint in zip(addresses, endpoints, strict=True)
    )


if __name__ == "__main__":
    main(sys.argv[1])
