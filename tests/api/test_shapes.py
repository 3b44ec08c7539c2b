"""Every input shape of every operation that is built: what fits is carried out or fails by the state
of things, what breaks one constraint is told at the member that breaks it."""

import json
from functools import cache

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import access_keys
from api.errors import member_path
from api.operations.table import OPERATIONS
from core.service_model import service_model
from tests.api.shapes import Breaker, fitting

BUILT = [(service, operation) for service, table in OPERATIONS.items() for operation in table]
NOT_BY_STATE = {"SerializationException", "InternalServerException", "UnknownOperationException"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(owner, actor, settings):
    """`post("kms", "Encrypt", {…})`: (status, document), without a network between."""
    settings.API_REQUESTS_PER_SECOND = 10**6
    key = access_keys.create(actor, "owner")
    credentials = Credentials(key.access_key_id, key.secret_access_key)
    client = Client()

    def call(service, operation, document):
        model = service_model(service)
        body = json.dumps(document).encode()
        headers = {
            "Content-Type": f"application/x-amz-json-{model.metadata['jsonVersion']}",
            "X-Amz-Target": f"{model.metadata['targetPrefix']}.{operation}",
        }
        request = AWSRequest("POST", "http://testserver/api/", headers=headers, data=body)
        SigV4Auth(credentials, model.signing_name, "us-east-1").add_auth(request)
        answer = client.post(
            "/api/",
            body,
            content_type=headers["Content-Type"],
            headers={"Host": "testserver", **dict(request.headers.items())},
        )
        return answer.status_code, json.loads(answer.content or b"{}")

    return call


@cache
def broken_inputs(service):
    """{operation: [(path, document)]}."""
    breaker = Breaker()
    return {
        operation: list(breaker.breaking(input_shape(service, operation)))
        for operation in OPERATIONS[service]
    }


def input_shape(service, operation):
    return service_model(service).operation_model(operation).input_shape


@pytest.mark.parametrize(("service", "operation"), BUILT)
def test_each_broken_constraint_is_told_at_its_member(post, service, operation):
    for path, document in broken_inputs(service)[operation]:
        status, told = post(service, operation, document)
        case = f"{path}: {json.dumps(document)[:300]}\n{told}"
        assert (status, told["__type"]) == (400, "ValidationException"), case
        assert f"Value at '{member_path(path.removeprefix('.'))}" in told["message"], case


@pytest.mark.parametrize(("service", "operation"), BUILT)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_fits_is_carried_out_or_fails_by_state(post, service, operation, data):
    shape = input_shape(service, operation)
    document = data.draw(fitting(shape))
    status, told = post(service, operation, document)
    assert status < 500, told
    if status != 200:
        assert told["__type"] not in NOT_BY_STATE, told
        assert told["__type"] in {
            *service_model(service).shape_names,
            "ValidationException",
            "AccessDeniedException",
        }
