"""Mail Manager and moto's server, filled, and requests to them that are signed before they are timed."""

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from core.service_model import service_model
from tests.api.tools import MOTO, python_tool
from tests.servers.ports import free_port
from tests.servers.system import running_system

REGION = "us-east-1"
_START_SECONDS = 60.0

# Rows as services would have written them; 10,000 of them one by one would take minutes.
_FILL = """
from policies.models import TrafficPolicy
from secrets_store.models import Secret
from secrets_store.services import keys
key = keys.default_key()
TrafficPolicy.objects.bulk_create(
    TrafficPolicy(id=f"tp-{{n:024d}}", name=f"filled-{{n}}", default_action="ALLOW", statements=[])
    for n in range({count}))
Secret.objects.bulk_create(
    Secret(name=f"filled-{{n}}", arn_suffix=f"{{n:06d}}", key=key) for n in range({count}))
"""


@dataclass(frozen=True)
class Target:
    name: str
    url: str
    credentials: Credentials
    attempts: int = 1


@dataclass(frozen=True)
class Prepared:
    headers: dict[str, str]
    body: bytes


@contextmanager
def our_server(count: int) -> Iterator[Target]:
    """The whole product on SQLite, with `count` policies and as many secrets."""
    limits = {
        "MAILMANAGER_API_REQUESTS_PER_SECOND": str(10**6),
        "MAILMANAGER_MAX_TRAFFIC_POLICIES": str(10**6),
    }
    with running_system(environment=limits) as system:
        system.manage("shell", "-v0", "-c", _FILL.format(count=count))
        made = json.loads(system.manage("createaccesskey", system.admin_name, "--json"))["AccessKey"]
        yield Target(
            "Mail Manager", f"{system.url}/api/", Credentials(made["AccessKeyId"], made["SecretAccessKey"])
        )


@contextmanager
def moto_server(count: int) -> Iterator[Target]:
    """moto's, with `count` secrets. It keeps them in memory, and checks no signature. Of requests at the
    same time it answers some with 500, because its threads change what others go through."""
    port = free_port()
    program = python_tool(MOTO) / "moto_server"
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    target = Target("moto", f"http://127.0.0.1:{port}/", Credentials("AKIAMOTO234567ABCDEF", "moto"), 5)
    try:
        _wait_for(target)
        run(target, prepare(target, "secretsmanager", "CreateSecret", (
            {"Name": f"filled-{n}", "SecretString": "x"} for n in range(count))))  # fmt: skip
        yield target
    finally:
        server.terminate()
        server.wait(10)


def prepare(
    target: Target, service: str, operation: str, documents: Iterator[dict[str, object]]
) -> list[Prepared]:
    metadata = service_model(service).metadata
    headers = {
        "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
        "X-Amz-Target": f"{metadata['targetPrefix']}.{operation}",
    }
    signer = SigV4Auth(target.credentials, service_model(service).signing_name, REGION)
    prepared = []
    for document in documents:
        request = AWSRequest("POST", target.url, headers=headers, data=json.dumps(document).encode())
        signer.add_auth(request)
        prepared.append(Prepared(dict(request.headers.items()), request.data))
    return prepared


def run(target: Target, prepared: Sequence[Prepared], *, clients: int = 4) -> float:
    """Seconds until all are answered, by `clients` at once. AssertionError where one is refused."""
    waiting = iter(prepared)
    lock = threading.Lock()
    refusals: list[str] = []

    def send_all() -> None:
        with urllib3.PoolManager(maxsize=1, retries=urllib3.Retry(2, allowed_methods=None)) as pool:
            while not refusals:
                with lock:
                    request = next(waiting, None)
                if request is None:
                    return
                for _ in range(target.attempts):
                    answer = pool.request("POST", target.url, headers=request.headers, body=request.body)
                    if answer.status == 200:
                        break
                if answer.status != 200:
                    operation = request.headers["X-Amz-Target"]
                    refusals.append(f"{target.name}: {operation}: {answer.status} {answer.data[:300]!r}")

    threads = [threading.Thread(target=send_all) for _ in range(clients)]
    started_at = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refusals, refusals[0]
    return time.perf_counter() - started_at


def repeated(document: dict[str, object], times: int) -> Iterator[dict[str, object]]:
    return itertools.repeat(document, times)


def _wait_for(target: Target) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib3.request("GET", target.url, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"{target.name} does not answer at {target.url}")
