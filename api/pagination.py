"""Pages that stay stable while rows come and go: the next one begins after a key, not at a number."""

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import QuerySet

from api.call import Call
from api.errors import VALIDATION, ApiError

_SALT = "api.pagination"


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
    """One page of `rows`, ordered by the unique field `key`, as the input asks for it."""
    size = call.input.get(paging.size) or paging.default_size
    token = call.input.get(paging.after)
    if token:
        rows = rows.filter(**{f"{key}__gt": _read(call, token, paging.after)})
    found = list(rows.order_by(key)[: size + 1])
    if len(found) <= size:
        return Page(found, None)
    found.pop()
    return Page(found, signing.dumps([call.service, call.operation, getattr(found[-1], key)], salt=_SALT))


def _read(call: Call, token: str, member: str) -> Any:
    """Where the page begins. Tokens are signed: one that was changed, or is of another operation, is
    refused."""
    try:
        service, operation, after = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        service = operation = after = ""
    if (service, operation) != (call.service, call.operation):
        raise ApiError(VALIDATION, f"{member} is not one that this operation gave.")
    return after
