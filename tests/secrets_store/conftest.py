"""A key and a secret as an endpoint needs them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from access.actor import Actor
from secrets_store.logic import uses
from secrets_store.logic.uses import Use
from secrets_store.models import EncryptionKey, Secret
from secrets_store.services import keys, secrets

ACCOUNT, REGION = "123456789012", "us-east-1"
ENDPOINT_ARN = f"arn:aws:ses:{REGION}:{ACCOUNT}:mailmanager-ingress-point/inp-1"
PASSWORD = "planted-Passw0rd"


@pytest.fixture
def key(db: None, actor: Actor) -> EncryptionKey:
    """Customer managed, and its policy lets endpoints in."""
    policy = uses.key_policy(account=ACCOUNT, administrators=[], users=[])
    policy["Statement"].append(uses.key_statement(Use.ENDPOINT, region=REGION, account=ACCOUNT))
    return keys.create(actor, alias="mail", policy=policy)


@pytest.fixture
def make_secret(actor: Actor, key: EncryptionKey) -> Callable[..., Secret]:
    def make(**changes: Any) -> Secret:
        wishes: dict[str, Any] = {
            "name": "smtp",
            "value": json.dumps({"password": PASSWORD}),
            "key_id": key.pk,
            "policy": uses.secret_policy(Use.ENDPOINT, region=settings.REGION, account=ACCOUNT),
        }
        return secrets.create(actor, **(wishes | changes))

    return make


@pytest.fixture
def secret(make_secret: Callable[..., Secret]) -> Secret:
    return make_secret()
