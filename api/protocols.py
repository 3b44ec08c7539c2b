"""How a request is written and an answer too: AWS JSON 1.0 and 1.1, Smithy RPC v2 CBOR, and the query
protocol that `sts` alone still speaks."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any, NoReturn
from xml.sax.saxutils import escape

import cbor2
from botocore.model import Shape

from api.errors import SERIALIZATION, ApiError
from api.typed import written


@dataclass(frozen=True, slots=True)
class Wire:
    """`decode`: a body to plain values. `encode`: an output document of a shape to a body (the shape
    is None for an error)."""

    content_type: str
    decode: Callable[[bytes], Any]
    encode: Callable[[Any, Shape | None], bytes]


def _decode_json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ApiError(SERIALIZATION, "The request body is not valid JSON.") from None


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON (RFC 8259 §6) does not have."""
    raise ValueError(name)


def _encode_json(value: Any, shape: Shape | None) -> bytes:
    plain = written(value, shape, _json_scalar) if shape else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def _json_scalar(value: Any, shape: Shape) -> Any:
    """Timestamps as seconds, blobs as Base64."""
    match shape.type_name:
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return round(value.timestamp(), 3)
        case _:
            return value


def _decode_cbor(body: bytes) -> Any:
    try:
        return cbor2.loads(body) if body else {}
    except (cbor2.CBORDecodeError, RecursionError, ValueError, OverflowError, TypeError):
        raise ApiError(SERIALIZATION, "The request body is not valid CBOR.") from None


def _encode_cbor(value: Any, shape: Shape | None) -> bytes:
    plain = written(value, shape, lambda scalar, _: scalar) if shape else value
    return cbor2.dumps(plain, timezone=UTC, datetime_as_timestamp=True)


JSON_1_0 = Wire("application/x-amz-json-1.0", _decode_json, _encode_json)
JSON_1_1 = Wire("application/x-amz-json-1.1", _decode_json, _encode_json)
CBOR = Wire("application/cbor", _decode_cbor, _encode_cbor)


def query_answer(operation: str, output: dict[str, str], namespace: str, request_id: str) -> bytes:
    """A flat answer of the query protocol."""
    members = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in output.items())
    return (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{members}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def query_error(error: ApiError, request_id: str) -> bytes:
    return (
        "<ErrorResponse><Error><Type>Sender</Type>"
        f"<Code>{escape(error.name)}</Code><Message>{escape(str(error))}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()
