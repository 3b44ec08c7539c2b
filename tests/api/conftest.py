"""The real clients against the real server, over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

import boto3
import cbor2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from access.actor import Actor
from access.models import User
from api import access_keys
from api.access_keys import NewAccessKey
from core.service_model import service_model
from tests.servers.system import System

PASSWORD = "correct horse battery staple"
REGION = "us-east-1"


@pytest.fixture
def access_key(transactional_db: None, actor: Actor) -> NewAccessKey:
    """An administrator's."""
    User.objects.create_user("owner", password=PASSWORD, role="administrator")
    return access_keys.create(actor, "owner")


@pytest.fixture
def viewer_key(transactional_db: None, actor: Actor) -> NewAccessKey:
    """Of somebody who may read only."""
    User.objects.create_user("colleague", password=PASSWORD, role="viewer")
    return access_keys.create(actor, "colleague")


def boto_client(service: str, url: str, key: NewAccessKey, **options: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"{url}/api/",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        **{"region_name": REGION, **options},
    )


@pytest.fixture
def client(live_server: Any, access_key: NewAccessKey) -> Callable[..., Any]:
    """`client("mailmanager")`: boto3 with nothing but an endpoint URL; options as boto3 takes them."""

    def make(service: str, key: NewAccessKey = access_key, **options: Any) -> Any:
        return boto_client(service, live_server.url, key, **options)

    return make


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        is_cbor = self.headers["Content-Type"] == "application/cbor"
        return cbor2.loads(self.body) if is_cbor else json.loads(self.body)


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    """As it is, whatever comes of it."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


@pytest.fixture
def raw(live_server: Any, access_key: NewAccessKey) -> Callable[..., Answer]:
    """`raw("mailmanager", "GetRelay", {"RelayId": …}, wire="json" or "cbor")`: one request, signed by
    botocore and written by hand. `body` takes the document's place; `headers` are added unsigned."""

    def call(
        service: str,
        operation: str,
        document: Any = None,
        *,
        wire: str = "json",
        body: bytes | None = None,
        key: NewAccessKey = access_key,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        metadata = service_model(service).metadata
        url = f"{live_server.url}/api/"
        if wire == "cbor":
            url += f"service/{metadata['targetPrefix']}/operation/{operation}"
            signed = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
            written = cbor2.dumps(document, timezone=None)
        else:
            signed = {
                "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
                "X-Amz-Target": f"{metadata['targetPrefix']}.{operation}",
            }
            written = json.dumps(document).encode()
        sent = written if body is None else body
        request = AWSRequest("POST", url, headers=signed, data=sent)
        credentials = Credentials(key.access_key_id, key.secret_access_key)
        SigV4Auth(credentials, service_model(service).signing_name, REGION).add_auth(request)
        return send("POST", url, {**dict(request.headers.items()), **(headers or {})}, sent)

    return call


@pytest.fixture(scope="module")
def product_environment(system: System) -> dict[str, str]:
    """What AWS clients read, with a key of the product's administrator."""
    made = json.loads(system.manage("createaccesskey", system.admin_name, "--json"))["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": f"{system.url}/api/",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_PAGER": "",
    }
