"""A pool and ports of the test's own, a policy and a rule set to choose, a small stand-in for the ingress."""

import os

import pytest

from endpoints import services
from policies.models import TrafficPolicy
from rulesets.models import RuleSet
from tests.endpoints.small_ingress import serve_small_ingress
from tests.servers.ports import free_port, own_network

PASSWORD = "pass-Word_1"


@pytest.fixture(autouse=True)
def own_pool(settings, monkeypatch):
    """Addresses and ports of this process; processes of the product that a test starts see the same."""
    settings.ADDRESS_POOL = [own_network()]
    settings.SMTP_PORT = free_port()
    settings.SUBMISSION_PORT = free_port()
    settings.PROVISION_TIMEOUT_SECONDS = 1
    settings.ADDRESS_REST_SECONDS = 3600
    for name in ("SMTP_PORT", "SUBMISSION_PORT", "PROVISION_TIMEOUT_SECONDS", "ADDRESS_REST_SECONDS"):
        monkeypatch.setenv(f"MAILMANAGER_{name}", str(getattr(settings, name)))
    monkeypatch.setenv("MAILMANAGER_ADDRESS_POOL", ",".join(settings.ADDRESS_POOL))
    assert os.environ["MAILMANAGER_SMTP_PORT"] == str(settings.SMTP_PORT)


@pytest.fixture
def policy(db):
    return TrafficPolicy.objects.create(name="allow-all", default_action="ALLOW")


@pytest.fixture
def rule_set(db):
    return RuleSet.objects.create(name="keep-all", rules=[])


@pytest.fixture
def make_endpoint(actor, policy, rule_set):
    """`make_endpoint("name", type="AUTH", …)` through the service."""

    def make(name="inbound", **fields):
        wanted = {"type": "OPEN", "traffic_policy_id": policy.id, "rule_set_id": rule_set.id, **fields}
        if wanted["type"] == "AUTH":
            wanted.setdefault("password", PASSWORD)
        return services.create(actor, name=name, **wanted)

    return make


@pytest.fixture
def small_ingress(transactional_db):
    """Listens and greets as the snapshot says; started when asked for."""
    with serve_small_ingress() as ingress:
        yield ingress
