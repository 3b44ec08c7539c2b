"""Beside a benchmarked ingress, in its environment: `ADDRESS` makes an open endpoint there, that allows
all; `--redis` becomes its Redis."""

import os
import sys

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
    from endpoints.models import EndpointAddress, IngressEndpoint
    from policies.models import TrafficPolicy
    from rulesets.models import RuleSet

    endpoint = IngressEndpoint.objects.create(
        name="bench",
        type=IngressEndpoint.Type.OPEN,
        tls_policy=IngressEndpoint.TlsPolicy.OPTIONAL,
        status=IngressEndpoint.Status.ACTIVE,
        record_label="benchbenchbe.bench",
        traffic_policy=TrafficPolicy.objects.create(name="bench", default_action="ALLOW", statements=[]),
        rule_set=RuleSet.objects.create(name="bench", rules=[]),
    )
    EndpointAddress.objects.create(address=address, endpoint=endpoint)


if __name__ == "__main__":
    main(sys.argv[1])
