"""`sts`, the one service here that only speaks the query protocol; GetCallerIdentity is all of it."""

from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api import throttling
from api.authentication import authenticate
from api.errors import ApiError
from api.protocols import query_answer, query_error
from core.service_model import service_model

_CONTENT_TYPE = "application/x-www-form-urlencoded"
_SERVICE = "sts"


def is_query(request: HttpRequest) -> bool:
    """Presigned requests come as GET, with everything in the address."""
    is_form = request.content_type == _CONTENT_TYPE and "X-Amz-Target" not in request.headers
    return request.method == "GET" or is_form


def respond(request: HttpRequest, request_id: str) -> HttpResponse:
    model = service_model(_SERVICE)
    try:
        now = timezone.now()
        key, actor = authenticate(request, model.signing_name, now)
        throttling.count(_SERVICE, key.pk, int(now.timestamp()))
        action = _parameters(request).get("Action", "")
        if action != "GetCallerIdentity":
            raise ApiError("InvalidAction", f"Could not find operation {action}")
    except ApiError as error:
        return _xml(query_error(error, request_id), error.status or 400, request_id)
    account = settings.ACCOUNT_ID
    output = {
        "Arn": f"arn:aws:iam::{account}:user/{actor.name}",
        "UserId": key.pk,
        "Account": account,
    }
    return _xml(
        query_answer("GetCallerIdentity", output, model.metadata["xmlNamespace"], request_id), 200, request_id
    )


def _parameters(request: HttpRequest) -> dict[str, str]:
    text = request.META.get("QUERY_STRING", "") if request.method == "GET" else request.body.decode("latin-1")
    return dict(parse_qsl(text))


def _xml(body: bytes, status: int, request_id: str) -> HttpResponse:
    response = HttpResponse(body, status=status, content_type="text/xml")
    response["x-amzn-RequestId"] = request_id
    return response
