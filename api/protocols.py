"""How a request is written and an answer too: AWS JSON 1.0 and 1.1, Smithy RPC v2 CBOR, and the query
protocol that `sts` alone still speaks. All of them are driven by botocore's shapes."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import cbor2
from botocore.model import Shape

from api.errors import SERIALIZATION, ApiError


@dataclass(frozen=True, slots=True)
class Wire:
    """`decode`: a body to plain values. `encode`: an output document of a shape to a body (the shape
    is None for an error). `error_type`: how `__type` names an exception."""

    content_type: str
    decode: Callable[[bytes], Any]
    encode: Callable[[Any, Shape | None], bytes]


def _decode_json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ApiError(SERIALIZATION, "The request body is not valid JSON.") from None


def _encode_json(value: Any, shape: Shape | None) -> bytes:
    plain = _plain(value, shape) if shape else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def _decode_cbor(body: bytes) -> Any:
    try:
        return cbor2.loads(body) if body else {}
    except (cbor2.CBORDecodeError, RecursionError, ValueError, OverflowError):
        raise ApiError(SERIALIZATION, "The request body is not valid CBOR.") from None


def _encode_cbor(value: Any, shape: Shape | None) -> bytes:
    return cbor2.dumps(_without_none(value), timezone=UTC, datetime_as_timestamp=True)


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


# --- values by shape ------------------------------------------------------------------------------


def typed(value: Any, shape: Shape) -> Any:
    """An input that fits its shape with blobs as bytes and timestamps as datetimes, without None."""
    match shape.type_name:
        case "structure":
            return {
                name: typed(value[name], member)
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list":
            return [typed(entry, shape.member) for entry in value]
        case "map":
            return {key: typed(entry, shape.value) for key, entry in value.items()}
        case "blob":
            return _blob(value)
        case "timestamp":
            return _moment(value)
        case _:
            return value


def _blob(value: str | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ApiError(SERIALIZATION, "A blob must be Base64 text.") from None


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, datetime):
            return value
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise ApiError(SERIALIZATION, "A timestamp must be seconds since 1970, or ISO 8601.") from None


def _plain(value: Any, shape: Shape) -> Any:
    """An output as JSON has it: timestamps as seconds, blobs as Base64, None left out."""
    match shape.type_name:
        case "structure":
            return {
                name: _plain(value[name], member)
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list":
            return [_plain(entry, shape.member) for entry in value]
        case "map":
            return {key: _plain(entry, shape.value) for key, entry in value.items()}
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return round(value.timestamp(), 3)
        case _:
            return value


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(entry) for name, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_without_none(entry) for entry in value]
    return value
