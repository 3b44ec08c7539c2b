"""The API's door: `POST /api/`, in the protocols that AWS clients speak."""

import uuid

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from api import query
from api.dispatch import Route, answer, route_of
from api.errors import INTERNAL, ApiError, status_of
from api.operations.table import OPERATIONS
from metrics.registry import API_REQUESTS

log = structlog.get_logger()


@never_cache
@csrf_exempt  # signed requests, no cookies
@require_http_methods(["GET", "POST"])
def endpoint(request: HttpRequest, path: str = "") -> HttpResponse:
    request_id = str(uuid.uuid4())
    with translation.override("en"):
        if query.is_query(request):
            return query.respond(request, request_id)
        route = route_of(request, path.rstrip("/"))
        try:
            operation, output = answer(request, route, request_id, timezone.now())
        except ApiError as error:
            return _refusal(route, error, request_id)
        except Exception:  # the edge of the request: what nobody foresaw is an internal error
            log.exception("api_request_failed", operation=route.operation, request_id=request_id)
            unforeseen = ApiError(INTERNAL, f"Internal error, reference {request_id}", status=500)
            return _refusal(route, unforeseen, request_id)
    _count(route)
    body = route.wire.encode(output, operation.output_shape) if operation.output_shape else b""
    return _response(route, body, request_id, status=200)


def _count(route: Route, error: str = "") -> None:
    """Only operations that there are: strangers make no labels."""
    operation = route.operation if route.operation in OPERATIONS.get(route.service, {}) else ""
    API_REQUESTS.labels(route.service, operation, error).inc()


def _refusal(route: Route, error: ApiError, request_id: str) -> HttpResponse:
    _count(route, error.name)
    body = route.wire.encode({"__type": error.name, "message": str(error), "Message": str(error)}, None)
    response = _response(route, body, request_id, status=status_of(route.service, error))
    response["x-amzn-errortype"] = error.name
    return response


def _response(route: Route, body: bytes, request_id: str, *, status: int) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type=route.wire.content_type)
    response["x-amzn-RequestId"] = request_id
    if route.wire.content_type == "application/cbor":
        response["smithy-protocol"] = "rpc-v2-cbor"
    return response
