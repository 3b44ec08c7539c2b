"""Text from outside, made fit to be stored and shown."""

import re

# NUL, which PostgreSQL's text has no room for, other controls, and halves of surrogate pairs, which
# no encoding has.
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")
ELLIPSIS = "…"


def fit(text: str, length: int) -> str:
    """`text` on one line, at most `length` characters, shortened at the end where it is longer."""
    line = _UNFIT.sub(" ", text).strip()
    return line if len(line) <= length else line[: length - 1] + ELLIPSIS
