"""resourcegroupstaggingapi: everything that is tagged, whatever service it belongs to."""

import re
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from api.call import Call, Document, Operation
from api.errors import ApiError
from api.pagination import Paging, page_of
from api.tag_members import tag_list, tags_by_arn
from resources.models import Tag

_PAGING = Paging("ResourcesPerPage", "PaginationToken", 50)
_TYPE = re.compile(r"(?P<service>[a-z0-9-]+)(:(?P<type>[a-zA-Z0-9/_.-]+))?")


def get_resources(call: Call) -> Document:
    wish = call.input
    rows: QuerySet[Any] = Tag.objects.all()
    if arns := wish.get("ResourceARNList"):
        rows = rows.filter(resource_arn__in=arns)
    if types := wish.get("ResourceTypeFilters"):
        of_type = Q()
        for name in types:
            of_type |= Q(resource_arn__startswith=_arn_prefix(name))
        rows = rows.filter(of_type)
    for tag_filter in wish.get("TagFilters") or ():
        matching = Tag.objects.filter(key=tag_filter.get("Key", ""))
        if values := tag_filter.get("Values"):
            matching = matching.filter(value__in=values)
        rows = rows.filter(resource_arn__in=matching.values("resource_arn"))
    page = page_of(call, rows.values("resource_arn").distinct(), _PAGING, key="resource_arn")
    tags = tags_by_arn([row["resource_arn"] for row in page.rows])
    return {
        "PaginationToken": page.next_token or "",
        "ResourceTagMappingList": [
            {"ResourceARN": arn, "Tags": tag_list(of_resource)} for arn, of_resource in tags.items()
        ],
    }


def get_tag_keys(call: Call) -> Document:
    page = page_of(call, Tag.objects.values("key").distinct(), _PAGING, key="key")
    return {"PaginationToken": page.next_token or "", "TagKeys": [row["key"] for row in page.rows]}


def get_tag_values(call: Call) -> Document:
    rows = Tag.objects.filter(key=call.input["Key"]).values("value").distinct()
    page = page_of(call, rows, _PAGING, key="value")
    return {"PaginationToken": page.next_token or "", "TagValues": [row["value"] for row in page.rows]}


def _arn_prefix(name: str) -> str:
    """`ses` or `ses:mailmanager-ingress-point`, as the beginning of ARNs of this account."""
    match = _TYPE.fullmatch(name)
    if match is None:
        raise ApiError("InvalidParameterException", f"{name} is not SERVICE or SERVICE:TYPE.")
    prefix = f"arn:aws:{match['service']}:{settings.REGION}:{settings.ACCOUNT_ID}:"
    if match["type"] is None:
        return prefix
    # `secret:NAME`, but `key/ID` and all others.
    return f"{prefix}{match['type']}{':' if match['service'] == 'secretsmanager' else '/'}"


OPERATIONS: dict[str, Operation] = {
    "GetResources": get_resources,
    "GetTagKeys": get_tag_keys,
    "GetTagValues": get_tag_values,
}
