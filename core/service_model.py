"""One validator for every document of the service model, over botocore's description of it.

Shapes, required members, enums, lengths, ranges and patterns are botocore's; the words and the
exact path of what is wrong are ours. Forms, API, admin and imports all ask here.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from core.errors import Problem

MAX_DOCUMENT_DEPTH = 32  # far deeper than any shape of the model; bounds the recursion on hostile JSON


@cache
def service_model(service: str = "mailmanager") -> ServiceModel:
    # Not by a session: that imports the whole client, which takes longer than all else of a start.
    document = Loader().load_service_model(service, "service-2")
    return ServiceModel(document, service_name=service)


@cache
def shape(name: str, service: str = "mailmanager") -> Shape:
    return service_model(service).shape_for(name)


def problems(
    shape_name: str, document: Any, *, path: str = "", service: str = "mailmanager"
) -> list[Problem]:
    """What in `document` does not fit the shape, each with its path below `path`; [] when it fits."""
    return list(_check(shape(shape_name, service), document, path, 0))


def _check(shape: Shape, value: Any, path: str, depth: int) -> Iterator[Problem]:
    if depth > MAX_DOCUMENT_DEPTH:
        yield Problem(path, "is nested too deeply")
        return
    match shape.type_name:
        case "structure":
            yield from _check_structure(shape, value, path, depth)
        case "list":
            yield from _check_list(shape, value, path, depth)
        case "map":
            yield from _check_map(shape, value, path, depth)
        case "string":
            yield from _check_string(shape, value, path)
        case scalar:
            yield from _check_scalar(shape, scalar, value, path)


# What a JSON value must be to stand for a scalar of the model, and how that is said.
_SCALARS: dict[str, tuple[type | UnionType, str]] = {
    "integer": (int, "must be a whole number"),
    "long": (int, "must be a whole number"),
    "float": (int | float, "must be a number"),
    "double": (int | float, "must be a number"),
    "timestamp": (int | float | str | datetime, "must be a time"),
    "boolean": (bool, "must be true or false"),
    "blob": (str | bytes, "must be Base64 text"),
}


def _check_scalar(shape: Shape, scalar: str, value: Any, path: str) -> Iterator[Problem]:
    wanted, complaint = _SCALARS[scalar]
    is_misplaced_boolean = isinstance(value, bool) and wanted is not bool  # True is an int to Python
    if is_misplaced_boolean or not isinstance(value, wanted):
        yield Problem(path, complaint)
    elif isinstance(value, int | float):
        yield from _check_range(shape, value, path, "must be")
    elif isinstance(value, bytes):
        yield from _check_range(shape, len(value), path, "must have", unit=" bytes")


def _check_structure(shape: Shape, value: Any, path: str, depth: int) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object")
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield Problem(_join(path, name), "is required", "Member must not be null")
    known = shape.members
    for name in value:
        if name not in known:
            yield Problem(_join(path, str(name)), f"is not known here; known are {', '.join(known)}")
    present = [name for name in known if value.get(name) is not None]
    if getattr(shape, "is_tagged_union", False) and len(present) != 1:
        seen = " and ".join(present) or "none"
        yield Problem(path, f"must have exactly one of {', '.join(known)}; it has {seen}")
    for name in present:
        yield from _check(known[name], value[name], _join(path, name), depth + 1)


def _check_list(shape: Shape, value: Any, path: str, depth: int) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, "must be a list")
        return
    yield from _check_range(shape, len(value), path, "must have", unit=" entries")
    for index, entry in enumerate(value):
        yield from _check(shape.member, entry, f"{path}[{index}]", depth + 1)


def _check_map(shape: Shape, value: Any, path: str, depth: int) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object")
        return
    yield from _check_range(shape, len(value), path, "must have", unit=" entries")
    for key, entry in value.items():
        yield from _check(shape.key, key, _join(path, str(key)), depth + 1)
        yield from _check(shape.value, entry, _join(path, str(key)), depth + 1)


def _check_string(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem(path, "must be text")
        return
    if shape.enum:
        if value not in shape.enum:
            wanted = ", ".join(shape.enum)
            constraint = f"Member must satisfy enum value set: [{wanted}]"
            yield Problem(path, f"must be one of {wanted}", constraint)
        return
    yield from _check_range(shape, len(value), path, "must have", unit=" characters")
    if value and (pattern := pattern_of(shape)) and not pattern.fullmatch(value):
        wanted = shape.metadata["pattern"]
        constraint = f"Member must satisfy regular expression pattern: {wanted}"
        yield Problem(path, f"must match {wanted}", constraint)


def _check_range(shape: Shape, value: float, path: str, verb: str, *, unit: str = "") -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    too_small = least is not None and value < least
    too_large = most is not None and value > most
    if not too_small and not too_large:
        return
    if most is None:
        message = f"{verb} at least {least:,}{unit}"
    elif not least:
        message = f"{verb} at most {most:,}{unit}"
    else:
        message = f"{verb} {least:,} to {most:,}{unit}"
    bound = f"greater than or equal to {least}" if too_small else f"less than or equal to {most}"
    yield Problem(path, message, f"Member must have {'length' if unit else 'value'} {bound}")


def pattern_of(shape: Shape) -> re.Pattern[str] | None:
    """What the whole of a string must match."""
    pattern = shape.metadata.get("pattern")
    return _compiled(pattern) if pattern else None


# Classes of the model's regular expressions (Java's) that Python has not, for use inside [].
# DEVIATION: of category C only the control characters; format and private ones pass.
_CLASSES = {r"\P{C}": r"\x20-\x7e\xa0-\U0010ffff"}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
