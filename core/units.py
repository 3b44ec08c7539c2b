"""Sizes as people write them. 1 KB = 1024 bytes, as mail servers count."""

import re
import unicodedata
from decimal import Decimal

_STEP = 1024
_UNITS = ("bytes", "KB", "MB", "GB", "TB")

# "25", "25 MB", "1.5gb", "1,024 KiB", "26214400 bytes"; a comma only divides groups of three.
_SIZE = re.compile(
    r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<fraction>\.\d+)?\s*(?P<unit>bytes?|[kmgt]?i?b|[kmgt])?",
    re.IGNORECASE | re.ASCII,
)
_MAX_LENGTH = 40


def parse_size(text: str) -> int:
    """Bytes. ValueError (a sentence for the person who typed it) where `text` is no size."""
    normalized = unicodedata.normalize("NFKC", text[:_MAX_LENGTH]).strip()  # full-width digits too
    match = _SIZE.fullmatch(normalized) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise ValueError("Write a size like 25 MB, 512 KB or 26214400.")
    unit_bytes = 1 << (10 * _power((match["unit"] or "bytes").upper()))
    amount = Decimal(match["whole"].replace(",", "") + (match["fraction"] or ""))
    return int(amount * unit_bytes)


def _power(unit: str) -> int:
    return next((index for index, name in enumerate(_UNITS) if index and name[0] == unit[0]), 0)


def format_size(size_bytes: int) -> str:
    """For reading: the largest unit that leaves at least 1, one decimal where it is not whole."""
    amount, power = float(size_bytes), 0
    while round(amount, 1) >= _STEP and power < len(_UNITS) - 1:
        amount, power = amount / _STEP, power + 1
    shown = f"{amount:,.1f}".removesuffix(".0")
    return f"{shown} {_UNITS[power]}" if power or size_bytes != 1 else "1 byte"


def format_size_exactly(size_bytes: int) -> str:
    """For a form: the shortest text that `parse_size` turns into the same number again."""
    power = 0
    while size_bytes and size_bytes % _STEP == 0 and power < len(_UNITS) - 1:
        size_bytes, power = size_bytes // _STEP, power + 1
    return f"{size_bytes} {_UNITS[power]}"
