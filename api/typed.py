"""Values by botocore's shapes: what came as what our code has, and what goes as a protocol has it.

`typed` is about types alone; whether a value keeps the model's bounds says core.service_model.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape

from api.errors import SERIALIZATION, ApiError
from core.service_model import MAX_DOCUMENT_DEPTH

# What no database keeps and no mail has: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "structure": ((dict,), "a Structure"),
    "map": ((dict,), "a Map"),
    "list": ((list,), "a List"),
    "string": ((str,), "a String"),
    "boolean": ((bool,), "a Boolean"),
    "integer": ((int,), "an Integer"),
    "long": ((int,), "a Long"),
    "float": ((int, float), "a Float"),
    "double": ((int, float), "a Double"),
    "blob": ((str, bytes), "a Blob"),
    "timestamp": ((int, float, str, datetime), "a Timestamp"),
}
_SEEN: tuple[tuple[type, str], ...] = (
    (bool, "BOOLEAN_VALUE"),
    (int, "NUMBER_VALUE"),
    (float, "DECIMAL_VALUE"),
    (str, "STRING_VALUE"),
    (bytes, "BLOB_VALUE"),
    (dict, "STRUCTURE"),
    (list, "LIST"),
    (type(None), "NULL"),
)


def typed(value: Any, shape: Shape, path: str = "", depth: int = 0) -> Any:
    """An input with blobs as bytes and timestamps as aware datetimes, and members that are null left
    out. ApiError where a value is of another type than its shape; unknown members stay to be told of.
    """
    _require_kind(value, shape, path)
    if depth > MAX_DOCUMENT_DEPTH:
        raise ApiError(SERIALIZATION, f"The input is nested too deeply at '{path}'.")
    match shape.type_name:
        case "structure":
            return {
                name: typed(entry, shape.members[name], f"{path}/{name}", depth + 1)
                if name in shape.members
                else entry
                for name, entry in value.items()
                if entry is not None
            }
        case "list":
            return [
                typed(entry, shape.member, f"{path}/{index}", depth + 1) for index, entry in enumerate(value)
            ]
        case "map":
            return {
                typed(key, shape.key, path, depth + 1): typed(entry, shape.value, f"{path}/{key}", depth + 1)
                for key, entry in value.items()
            }
        case scalar:
            read = _READERS.get(scalar)
            return read(value, path) if read else value


def written(value: Any, shape: Shape, leaf: Callable[[Any, Shape], Any]) -> Any:
    """An output, members of its shape alone and None left out, with each scalar as `leaf` makes it."""
    match shape.type_name:
        case "structure":
            return {
                name: written(value[name], member, leaf)
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list":
            return [written(entry, shape.member, leaf) for entry in value]
        case "map":
            return {key: written(entry, shape.value, leaf) for key, entry in value.items()}
        case _:
            return leaf(value, shape)


def _require_kind(value: Any, shape: Shape, path: str) -> None:
    kinds, wanted = _KINDS[shape.type_name]
    is_misplaced_boolean = isinstance(value, bool) and bool not in kinds  # True is an int to Python
    if not is_misplaced_boolean and isinstance(value, kinds):
        return
    seen = next((name for kind, name in _SEEN if isinstance(value, kind)), "VALUE")
    raise ApiError(SERIALIZATION, f"{seen} can not be converted to {wanted} at '{path or '/'}'")


def _text(value: str, path: str) -> str:
    if _UNSTORABLE.search(value):
        raise ApiError(SERIALIZATION, f"A String has a character that is not text at '{path}'.")
    return value


def _blob(value: str | bytes, path: str) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(SERIALIZATION, f"A Blob must be Base64 text at '{path}'.") from None


def _moment(value: float | str | datetime, path: str) -> datetime:
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value)
        else:
            moment = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise ApiError(
            SERIALIZATION, f"A Timestamp must be seconds since 1970, or ISO 8601, at '{path}'."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[Any, str], Any]] = {"string": _text, "blob": _blob, "timestamp": _moment}
