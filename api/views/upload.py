"""Where the pre-signed URL of an import leads: `PUT` the file there. Answers as S3 does."""

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

import structlog
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from addresslists.services import imports
from api.presigned import is_signed
from core.errors import NotFound, QuotaExceeded, ServiceError

log = structlog.get_logger()

_PIECE_BYTES = 256 * 1024


@never_cache
@csrf_exempt  # signed, no cookies
@require_http_methods(["PUT"])
def upload(request: HttpRequest, job_id: str) -> HttpResponse:
    expires, signature = request.GET.get("Expires", ""), request.GET.get("Signature", "")
    if not is_signed(job_id, expires, signature, timezone.now()):
        return _refusal(403, "AccessDenied", "The URL is not one of ours, or has expired.")
    with translation.override("en"):
        try:
            size_bytes = imports.store(job_id, _pieces(request))
        except NotFound as error:
            return _refusal(404, "NoSuchKey", str(error))
        except QuotaExceeded as error:
            return _refusal(400, "EntityTooLarge", str(error))
        except ServiceError as error:
            return _refusal(409, "OperationAborted", str(error))
        except UnreadablePostError:
            return _refusal(400, "IncompleteBody", "The file ended before its end.")
    log.info("import_uploaded", job=job_id, size_bytes=size_bytes)
    return HttpResponse(status=200)


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    """The body, never all of it at once. Django reads none of a chunked body, whose length nobody says."""
    environ = request.META
    is_chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    stream: Any = environ["wsgi.input"] if is_chunked and environ.get("wsgi.input_terminated") else request
    received = 0
    while piece := stream.read(_PIECE_BYTES):
        received += len(piece)
        yield piece
    if not is_chunked and received < int(environ.get("CONTENT_LENGTH") or 0):
        raise UnreadablePostError("the connection was closed")


def _refusal(status: int, code: str, message: str) -> HttpResponse:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return HttpResponse(body, status=status, content_type="application/xml")
