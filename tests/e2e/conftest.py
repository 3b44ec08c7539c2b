"""The whole product, an administrator beside it, and one at its console."""

import json
from collections.abc import Callable, Generator, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.e2e.desk import Desk, open_desk
from tests.e2e.product import Product
from tests.servers.system import System

_LOG_LINES = 200


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that failed: what the product said last."""
    report = yield
    system = item.funcargs.get("system")
    if report.failed and isinstance(system, System) and system.supervisor is not None:
        lines = system.supervisor.output.splitlines()[-_LOG_LINES:]
        report.sections.append(("the product's log", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def aws(system: System) -> Callable[[str], Any]:
    """boto3 at the running product, as its administrator, by the name of a service."""
    key = json.loads(system.manage("createaccesskey", system.admin_name, "--json"))["AccessKey"]
    return lambda service: boto3.client(
        service,
        endpoint_url=f"{system.url}/api/",
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(read_timeout=60),
    )


@pytest.fixture(scope="module")
def desk(system: System) -> Iterator[Desk]:
    with open_desk(system.environment) as opened:
        yield opened


@pytest.fixture(scope="module")
def product(system: System, desk: Desk) -> Product:
    return Product(system, desk)


@pytest.fixture(scope="module")
def console(system: System) -> Iterator[httpx.Client]:
    """Signed in; `console.post(path, data={…})` sends the CSRF token along by itself."""
    with httpx.Client(base_url=system.url, timeout=60, follow_redirects=True) as client:

        def add_token(request: httpx.Request) -> None:
            if request.method == "POST":
                request.headers["X-CSRFToken"] = client.cookies["csrftoken"]

        client.event_hooks["request"].append(add_token)
        client.get("/access/sign-in")
        answer = client.post(
            "/access/sign-in", data={"username": system.admin_name, "password": system.admin_password}
        )
        assert answer.url.path == "/", answer.text
        yield client
