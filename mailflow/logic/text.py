"""Text from outside, made fit to be stored and shown."""

import json
import re
from typing import Any

# NUL, which PostgreSQL's text has no room for, other controls, and halves of surrogate pairs, which
# no encoding has.
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")
ELLIPSIS = "…"

write_json = json.JSONEncoder(separators=(",", ":")).encode


def fit(text: str, length: int) -> str:
    """`text` on one line, at most `length` characters, shortened at the end where it is longer."""
    # Nearly all of it is fit as it is, and that is quick to see.
    line = text if text.isprintable() and text[-1:] != " " != text[:1] else _UNFIT.sub(" ", text).strip()
    return line if len(line) <= length else line[: length - 1] + ELLIPSIS


def fit_document(value: Any, length: int = 500) -> Any:
    """JSON types with every text in them made fit; what is none of them becomes its text."""
    if isinstance(value, dict):
        return {fit(str(name), length): fit_document(part, length) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [fit_document(part, length) for part in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return fit(str(value), length)
