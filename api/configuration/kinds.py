"""What an export consists of: a kind for each sort of resource, in the order in which an import makes
them, so that what is named is there before what names it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from access.actor import Actor
from api.call import Document


class Kind(Protocol):
    """`section`: its member of the document. `word`: what one is called in reports."""

    # By `name_member` a resource is found again, here and on another installation; by its
    # `identifier_members` others name it, and these differ between installations.
    @property
    def section(self) -> str: ...
    @property
    def word(self) -> str: ...
    @property
    def name_member(self) -> str: ...
    @property
    def identifier_members(self) -> Sequence[str]: ...
    @property
    def fixed_members(self) -> Sequence[str]:
        """They can't be changed afterwards."""
        ...

    @property
    def types(self) -> Mapping[str, type]:
        """Of the members, where no service model says what they are; {} where one does."""
        ...

    def entries(self) -> list[Document]:
        """All there are, as JSON has them, without what only this moment says (times, states)."""
        ...

    def create(self, actor: Actor, wanted: Document) -> None:
        """ServiceError where it is refused."""
        ...

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        """`changes`: the members that shall be others than in `current`."""
        ...


def differing(kind: Kind, current: Document, wanted: Document) -> dict[str, Any]:
    """Members of `wanted` that `current` has otherwise. What `wanted` leaves out stays as it is."""
    return {
        name: value
        for name, value in wanted.items()
        if name not in kind.identifier_members and value != current.get(name)
    }
