"""From a request to the operation that it names, and back."""

import re
from dataclasses import dataclass
from datetime import datetime

from botocore.model import OperationModel
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from api import idempotency, throttling
from api.authentication import authenticate
from api.call import Call, Document
from api.errors import TOO_LARGE, UNKNOWN_OPERATION, VALIDATION, ApiError, api_error, validation_text
from api.operations.table import OPERATIONS
from api.protocols import CBOR, JSON_1_0, JSON_1_1, Wire
from api.typed import typed
from core.errors import ServiceError
from core.service_model import problems, service_model

_RPC_PATH = re.compile(r"service/(?P<target>\w+)/operation/(?P<operation>\w+)")
_TARGETS = {
    str(service_model(name).metadata["targetPrefix"]): name
    for name in OPERATIONS
    if "targetPrefix" in service_model(name).metadata
}


@dataclass(frozen=True, slots=True)
class Route:
    """What a request names; `service` is "" for one that is none of ours."""

    wire: Wire
    service: str
    operation: str


def route_of(request: HttpRequest, path: str) -> Route:
    """`path`: what follows the API's own address. An unknown target is kept for the error."""
    if match := _RPC_PATH.fullmatch(path):
        return Route(CBOR, _TARGETS.get(match["target"], ""), match["operation"])
    target, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    service = _TARGETS.get(target, "")
    is_1_0 = bool(service) and service_model(service).metadata.get("jsonVersion") == "1.0"
    return Route(JSON_1_0 if is_1_0 else JSON_1_1, service, operation)


def answer(
    request: HttpRequest, route: Route, request_id: str, now: datetime
) -> tuple[OperationModel, Document]:
    """The operation's model and output. ApiError for everything that is refused."""
    service = route.service
    if not service:
        raise ApiError(UNKNOWN_OPERATION, "The service or operation is unknown here.", status=404)
    try:
        body = request.body
    except RequestDataTooBig:
        raise ApiError(TOO_LARGE, "The request is too large.", status=413) from None
    model = service_model(service)
    key, actor = authenticate(request, model.signing_name, now)
    throttling.count(service, key.pk, int(now.timestamp()))
    operate = OPERATIONS[service].get(route.operation)
    if operate is None or route.operation not in model.operation_names:
        raise ApiError(UNKNOWN_OPERATION, f"The operation {route.operation} is unknown here.")
    operation = model.operation_model(route.operation)
    document = _input(operation, route, body)
    base_url = f"{request.scheme}://{request.get_host()}"
    call = Call(actor, service, route.operation, document, request_id, base_url)
    try:
        return operation, idempotency.answer_once(key, call, operate)
    except ServiceError as error:
        raise api_error(service, error) from error


def _input(operation: OperationModel, route: Route, body: bytes) -> Document:
    shape = operation.input_shape
    document = route.wire.decode(body)
    if shape is None:
        return {}
    document = typed(document, shape)
    wrong = problems(shape.name, document, service=route.service)
    if wrong:
        raise ApiError(VALIDATION, validation_text(tuple(wrong)))
    assert isinstance(document, dict), "an input shape is a structure"
    return document
