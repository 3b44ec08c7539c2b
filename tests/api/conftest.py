"""The real clients against the real server, over HTTP."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from access.actor import Actor
from access.models import User
from api import access_keys
from api.access_keys import NewAccessKey

PASSWORD = "correct horse battery staple"


@pytest.fixture
def access_key(transactional_db: None, actor: Actor) -> NewAccessKey:
    """An administrator's."""
    User.objects.create_user("owner", password=PASSWORD, role="administrator")
    return access_keys.create(actor, "owner")


@pytest.fixture
def client(live_server: Any, access_key: NewAccessKey) -> Callable[..., Any]:
    """`client("mailmanager")`: boto3 with nothing but an endpoint URL; options as boto3 takes them."""

    def make(service: str, key: NewAccessKey = access_key, **options: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"{live_server.url}/api/",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            **{"region_name": "us-east-1", **options},
        )

    return make
