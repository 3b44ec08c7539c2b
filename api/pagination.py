"""Pages that stay stable while rows come and go: the next one begins after a key, not at a number."""

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import QuerySet

from api.call import Call
from api.errors import NAMES, ApiError

_SALT = "api.pagination"
_MAX_SIZE = 1000  # where the model itself sets no bound


@dataclass(frozen=True, slots=True)
class Paging:
    """The members with which an input asks for a page, and what it gets when it asks for none."""

    size: str
    after: str
    default_size: int


PAGES = Paging("PageSize", "NextToken", 50)  # mailmanager
RESULTS = Paging("MaxResults", "NextToken", 100)  # secretsmanager
MARKED = Paging("Limit", "Marker", 100)  # kms


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Any]
    next_token: str | None


def page_of(call: Call, rows: QuerySet[Any], paging: Paging = PAGES, *, key: str = "pk") -> Page:
    """One page of `rows` (objects, or dicts of `values`), ordered by the unique field `key`, as the
    input asks for it."""
    size = call.input.get(paging.size, paging.default_size)
    if size < 1:
        raise ApiError(NAMES[call.service].invalid, f"{paging.size} must be at least 1.")
    size = min(size, _MAX_SIZE)
    token = call.input.get(paging.after)
    if token:
        rows = rows.filter(**{f"{key}__gt": _read(call, token, paging.after)})
    found = list(rows.order_by(key)[: size + 1])
    if len(found) <= size:
        return Page(found, None)
    found.pop()
    last = found[-1]
    place = last[key] if isinstance(last, dict) else getattr(last, key)
    return Page(found, signing.dumps([call.service, call.operation, place], salt=_SALT))


def _read(call: Call, token: str, member: str) -> Any:
    """Where the page begins. Tokens are signed: one that was changed, or is of another operation, is
    refused."""
    try:
        service, operation, place = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        service = operation = place = ""
    if (service, operation) != (call.service, call.operation):
        raise ApiError(NAMES[call.service].page, f"{member} is not one that this operation gave.")
    return place
