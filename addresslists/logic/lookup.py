"""What conditions ask of address lists, whoever answers: an index, the database, nobody."""

from typing import Protocol


class UnreadableListError(Exception):
    """Whether an address is in the list can't be said now. `str(self)`: for our log."""


class Lists(Protocol):
    def contains(self, list_id: str, address: str) -> bool:
        """Whether a member matches the address, which is folded (`core.expressions.fold`).
        UnreadableListError where that can't be told. Asked for each recipient, on an event loop."""


class NoLists:
    """For who has none: each is unreadable."""

    def contains(self, list_id: str, address: str) -> bool:
        raise UnreadableListError(f"address list {list_id} is not held")


NO_LISTS: Lists = NoLists()
