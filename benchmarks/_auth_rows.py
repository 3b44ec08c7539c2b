"""Beside a benchmarked ingress, in its environment: makes COUNT secrets and as many Authenticated endpoints
at the addresses from FIRST on, every other one with a secret; writes ACCOUNTS, the ten that clients sign
in to."""

import json
import os
import secrets as randomness
import sys
from ipaddress import ip_address
from pathlib import Path

import django

TALKED_TO = 10


def main(count: int, first: str, accounts: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")
    django.setup()
    accounts.write_text(json.dumps(make_rows(count, [str(ip_address(first) + n) for n in range(count)])))


def make_rows(count: int, addresses: list[str]) -> list[dict[str, str]]:
    """The accounts, spread over the endpoints: each has a password of its own, all others share one."""
    from django.conf import settings

    from access.actor import system
    from endpoints.models import IngressEndpoint
    from policies.models import TrafficPolicy
    from rulesets.models import RuleSet
    from secrets_store.logic import uses
    from secrets_store.logic.uses import Use
    from secrets_store.models import SecretVersion
    from secrets_store.password_hashes import hash_password
    from secrets_store.services import keys
    from tests.endpoints.many import make_endpoints, make_secrets

    policy = uses.key_policy(account=settings.ACCOUNT_ID, administrators=[], users=[])
    policy["Statement"].append(
        uses.key_statement(Use.ENDPOINT, region=settings.REGION, account=settings.ACCOUNT_ID)
    )
    common = hash_password(randomness.token_urlsafe())
    stored = make_secrets(keys.create(system("benchmark"), policy=policy), count, password_hash=common)
    endpoints = make_endpoints(
        TrafficPolicy.objects.create(name="bench", default_action="ALLOW", statements=[]),
        RuleSet.objects.create(name="bench", rules=[]),
        [secret.arn if number % 2 else "" for number, secret in enumerate(stored)],
        addresses=addresses,
        password_hash=common,
    )
    made = []
    for number in range(TALKED_TO):
        place = number * (count // TALKED_TO) // 2 * 2 + number % 2 if count > TALKED_TO else number
        endpoint, password = endpoints[place], randomness.token_urlsafe()
        if endpoint.secret_arn:
            SecretVersion.objects.filter(secret=stored[place]).update(password_hash=hash_password(password))
        else:
            IngressEndpoint.objects.filter(pk=endpoint.pk).update(password_hash=hash_password(password))
        way = "secret" if endpoint.secret_arn else "typed"
        made.append({"way": way, "address": addresses[place], "login": endpoint.id, "password": password})
    return made


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
