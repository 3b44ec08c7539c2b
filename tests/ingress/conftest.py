"""A real ingress: on a loop of its own with a snapshot that a test makes by hand, or as its own process."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from endpoints.models import EndpointAddress, IngressEndpoint
from policies.models import TrafficPolicy
from resources.services import bump_configuration
from rulesets.models import RuleSet
from tests.ingress.serving import Ingress, serving
from tests.servers.ports import free_port, own_network
from tests.servers.process import Process, running
from tests.servers.worker import REPOSITORY, product_environment

ADDRESSES = [str(address) for address in ip_network(own_network()).hosts()]


@pytest.fixture
def make_ingress(tmp_path: Path) -> Iterator[Callable[..., Ingress]]:
    """`make_ingress(served(…), …config)`: started with that endpoint, mail kept in `.stored`."""
    with ExitStack() as stack:
        yield lambda endpoint, **config: stack.enter_context(serving(tmp_path, endpoint, **config))


@pytest.fixture
def make_endpoint(transactional_db) -> Callable[..., IngressEndpoint]:
    """`make_endpoint(address)`: active, open; its policy refuses blocked@y.example."""
    blocked = {
        "StringExpression": {
            "Evaluate": {"Attribute": "RECIPIENT"},
            "Operator": "EQUALS",
            "Values": ["blocked@y.example"],
        }
    }
    policy = TrafficPolicy.objects.create(
        name="policy", default_action="ALLOW", statements=[{"Action": "DENY", "Conditions": [blocked]}]
    )
    rule_set = RuleSet.objects.create(name="rules", rules=[])

    def make(address: str) -> IngressEndpoint:
        number = IngressEndpoint.objects.count()
        endpoint = IngressEndpoint.objects.create(
            name=f"endpoint-{number}",
            type=IngressEndpoint.Type.OPEN,
            tls_policy=IngressEndpoint.TlsPolicy.OPTIONAL,
            status=IngressEndpoint.Status.ACTIVE,
            record_label=f"abcdefghijk{number}.abcde",
            traffic_policy=policy,
            rule_set=rule_set,
        )
        EndpointAddress.objects.create(address=address, endpoint=endpoint)
        bump_configuration()
        return endpoint

    return make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[Process, int]]]:
    """`start("--processes", "2")`: the process and the port that its endpoints listen on."""
    with ExitStack() as stack:

        def begin(*arguments: str, port: int | None = None) -> tuple[Process, int]:
            port = port or free_port(ADDRESSES[0])
            environment = product_environment() | {"MAILMANAGER_SMTP_PORT": str(port)}
            command = [sys.executable, "manage.py", "runingress", *arguments]
            log = tmp_path / f"ingress.{len(list(tmp_path.iterdir()))}.log"
            process = stack.enter_context(running(Process(command, log=log, env=environment, cwd=REPOSITORY)))
            process.wait_until(lambda: "ingress_started" in process.output, "ingress started")
            return process, port

        yield begin
