"""Identifiers and ARNs (SPEC §2)."""

import os
import re
import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 24
_MESSAGE_TIME_DIGITS = 12  # base 36 microseconds: 36**12 µs reach the year 152,000
_MESSAGE_ID_LENGTH = 40
_DIGITS = string.digits + string.ascii_lowercase  # base 36
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MESSAGE_ID = re.compile(rf"[a-z0-9]{{{_MESSAGE_ID_LENGTH}}}")


def random_text(length: int, alphabet: str = _ALPHABET) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def new_id(prefix: str) -> str:
    """`prefix`, a hyphen and 24 of a-z0-9: `inp-1abc2de3fghi4jkl5mnop6qr`."""
    return f"{prefix}-{random_text(_ID_LENGTH)}"


def new_record_label() -> str:
    """The first two labels of an "A" record: `<12 of a-z0-9>.<5 of a-z>`."""
    return f"{random_text(12)}.{random_text(5, string.ascii_lowercase)}"


# One ID is made for each message received: digits come two at a time, and those that stand for more than
# some seconds from a cache; of random bytes, a letter for each, there is a store.
_DIGIT_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
# 256 is no multiple of 36, so four letters come a little more often: 5 bits each are sure, 140 in all.
_LETTER_OF_BYTE = bytes(ord(_DIGITS[byte % 36]) for byte in range(256))


def new_message_id(time_ns: int) -> str:
    """40 of a-z0-9 that sort by `time_ns` (nanoseconds since 1970) and can't be guessed."""
    return _time_digits(time_ns // 1000) + _take_letters()


def first_message_id(at: datetime) -> str:
    """What sorts before every message ID made at `at` or later, and behind those made before."""
    return _time_digits(max(0, (at - _EPOCH) // timedelta(microseconds=1)))


_store: list[str] = []
os.register_at_fork(after_in_child=_store.clear)  # or a child would give its parent's letters once more


def _take_letters() -> str:
    length = _MESSAGE_ID_LENGTH - _MESSAGE_TIME_DIGITS
    try:
        return _store.pop()
    except IndexError:  # also where another thread was quicker
        letters = secrets.token_bytes(length * 128).translate(_LETTER_OF_BYTE).decode()
        _store.extend(letters[at : at + length] for at in range(length, len(letters), length))
        return letters[:length]


def _time_digits(microseconds: int) -> str:
    high, low = divmod(microseconds, 1296**2)
    return f"{_high_digits(high)}{_DIGIT_PAIRS[low // 1296]}{_DIGIT_PAIRS[low % 1296]}"


@lru_cache(maxsize=16)
def _high_digits(number: int) -> str:
    pairs = []
    for _ in range(_MESSAGE_TIME_DIGITS // 2 - 2):
        number, pair = divmod(number, 1296)
        pairs.append(_DIGIT_PAIRS[pair])
    pairs.reverse()
    return "".join(pairs)


def message_time(message_id: str) -> datetime | None:
    """When `new_message_id` made it, None where it didn't."""
    if not MESSAGE_ID.fullmatch(message_id):
        return None
    microseconds = int(message_id[:_MESSAGE_TIME_DIGITS], 36)
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`; the resource keeps its own colons and slashes."""

    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN, or None where `text` is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[1].startswith("aws") or not parts[5]:
        return None
    return Arn(service=parts[2], region=parts[3], account=parts[4], resource=parts[5])


def resource_name(id_or_arn: str) -> str:
    """What comes last in an ARN (`…:mailmanager-smtp-relay/r-1` → `r-1`); an ID or a name as it is."""
    arn = parse_arn(id_or_arn)
    return re.split("[/:]", arn.resource)[-1] if arn else id_or_arn
