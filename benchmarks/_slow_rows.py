"""Beside a benchmarked ingress, in its environment: `ADDRESS ADDRESS` makes an open endpoint at the first,
and an authenticated one, that offers AUTH in the clear, at the second."""

import os
import sys

import django


def main(address_for_mail: str, address_for_submission: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")
    django.setup()
    from endpoints.models import EndpointAddress, IngressEndpoint
    from policies.models import TrafficPolicy
    from rulesets.models import RuleSet

    policy = TrafficPolicy.objects.create(name="bench", default_action="ALLOW", statements=[])
    rule_set = RuleSet.objects.create(name="bench", rules=[])
    for address, type in (
        (address_for_mail, IngressEndpoint.Type.OPEN),
        (address_for_submission, IngressEndpoint.Type.AUTH),
    ):
        endpoint = IngressEndpoint.objects.create(
            name=f"bench-{type.value}",
            type=type,
            tls_policy=IngressEndpoint.TlsPolicy.OPTIONAL,
            status=IngressEndpoint.Status.ACTIVE,
            record_label=f"bench{type.value.lower():0>7}.bench",
            traffic_policy=policy,
            rule_set=rule_set,
        )
        EndpointAddress.objects.create(address=address, endpoint=endpoint)


if __name__ == "__main__":
    main(*sys.argv[1:])
