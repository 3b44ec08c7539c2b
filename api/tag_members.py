"""Tags, as Key and Value pairs."""

from typing import Any

from api.call import Document


def tags_from(
    document: Document, member: str = "Tags", key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """What the input says of tags. A key that is there twice counts as it stands last."""
    return {tag[key]: tag.get(value, "") for tag in document.get(member) or ()}


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, Any]]:
    return [{key: name, value: text} for name, text in tags.items()]
