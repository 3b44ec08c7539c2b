"""Tags, as Key and Value pairs."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from api.call import Document
from core.errors import Invalid, Problem
from resources.models import Tag


def tags_from(
    document: Document, member: str = "Tags", key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """What the input says of tags. A key that is there twice counts as it stands last. Invalid for a
    tag without a key, which the models of some services let through."""
    tags = document.get(member) or []
    for index, tag in enumerate(tags):
        if key not in tag:
            raise Invalid([Problem(f"{member}[{index}].{key}", "is required", "Member must not be null")])
    return {tag[key]: tag.get(value, "") for tag in tags}


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, Any]]:
    return [{key: name, value: text} for name, text in tags.items()]


def tags_by_arn(arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of many resources, in one query; {} for one that has none."""
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    for tag in Tag.objects.filter(resource_arn__in=list(arns)).order_by("resource_arn", "key"):
        tags[tag.resource_arn][tag.key] = tag.value
    return tags
