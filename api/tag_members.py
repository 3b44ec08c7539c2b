"""Tags, as Key and Value pairs."""

from typing import Any

from api.call import Document
from core.errors import Invalid, Problem


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
