"""What is asked of the stored lists: their state for an index, their members, one address."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from addresslists.logic.lookup import UnreadableListError
from addresslists.logic.members import ALL_SHAPES, canonical, patterns_of
from addresslists.models import AddressList, Member, MemberChange
from core.errors import NotFound, Problem
from core.identifiers import resource_name

_PAGE = 20_000  # members read at once while an index is made
_BEYOND = chr(0x10FFFF)  # behind every text with the same beginning


class Base(NamedTuple):
    """Names the index of a list."""

    version: int
    key: str


@dataclass(frozen=True, slots=True)
class ListState:
    """Which index a list has now, and the members that came (True) or went since it was made, in order.
    Equal states are equal lists, unless an import is under way."""

    base: Base
    changes: tuple[tuple[str, bool], ...] = ()

    def to_document(self) -> dict[str, Any]:
        return {"base": list(self.base), "changes": list(map(list, self.changes))}

    @classmethod
    def of_document(cls, stored: dict[str, Any]) -> "ListState":
        return cls(
            Base(*stored["base"]), tuple((address, is_member) for address, is_member in stored["changes"])
        )


def get(id_or_arn: str) -> AddressList:
    """NotFound where there is none; an ARN has to be the list's own in every part."""
    found = AddressList.objects.filter(pk=resource_name(id_or_arn)).first()
    if found is None or id_or_arn not in (found.id, found.arn):
        raise NotFound(_("There is no address list %(id)s.") % {"id": id_or_arn})
    return found


def list_choices() -> dict[str, str]:
    """ARN → name of all lists, to choose from."""
    return {found.arn: found.name for found in AddressList.objects.only("id", "name")}


def check_named(named: Iterable[tuple[str, str]], *, lock: bool = False) -> tuple[list[Problem], set[str]]:
    """Of (path, ID or ARN) in a document: problems of lists that aren't there, ARNs of those that are.

    One query. `lock`: they can't go before the caller's transaction is over.
    """
    named = list(named)
    lists = AddressList.objects.select_for_update() if lock else AddressList.objects.all()
    found = lists.in_bulk({resource_name(name) for _path, name in named}) if named else {}
    problems, arns = [], set()
    for path, name in named:
        address_list = found.get(resource_name(name))
        if address_list is None or name not in (address_list.id, address_list.arn):
            problems.append(Problem(path, _("There is no address list %(id)s.") % {"id": name}))
        else:
            arns.add(address_list.arn)
    return problems, arns


def read_states(list_ids: Collection[str]) -> dict[str, ListState]:
    """Of those that exist, by two queries; none for no IDs."""
    if not list_ids:
        return {}
    found = AddressList.objects.filter(pk__in=list_ids).values_list("pk", "base_version", "base_key")
    bases = {list_id: Base(version, key) for list_id, version, key in found}
    changes: dict[str, list[tuple[str, bool]]] = {list_id: [] for list_id in bases}
    rows = MemberChange.objects.filter(list__in=bases).order_by("list", "version")
    for list_id, version, address, is_member in rows.values_list("list", "version", "address", "is_member"):
        if version > bases[list_id].version:
            changes[list_id].append((address, is_member))
    return {list_id: ListState(base, tuple(changes[list_id])) for list_id, base in bases.items()}


def member_pages(list_id: str, *, after: str = "", prefix: str = "") -> Iterator[list[str]]:
    """All members in order, page by page: no transaction lasts longer than one."""
    while True:
        members = (
            members_of(list_id, prefix=prefix).filter(address__gt=after).values_list("address", flat=True)
        )
        page = list(members[:_PAGE])
        if page:
            yield page
        if len(page) < _PAGE:
            return
        after = page[-1]


def members_of(list_id: str, *, prefix: str = "") -> Any:
    """In order of their addresses; with `prefix` (as typed) those that begin with it."""
    members = Member.objects.filter(list=list_id).order_by("address")
    if prefix:
        folded = canonical(prefix)
        members = members.filter(address__gte=folded, address__lt=folded + _BEYOND)
    return members


def find_member(list_id: str, address: str) -> Member:
    """The member that reads so; NotFound where there is none."""
    member = Member.objects.filter(list=list_id, address=canonical(address.strip())).first()
    if member is None:
        raise NotFound(_("%(address)s is not in the list.") % {"address": address})
    return member


def matching_members(list_id: str, address: str) -> list[str]:
    """The members that match an address, most telling first: itself, then patterns."""
    address = canonical(address)
    keys = [address, *patterns_of(address, ALL_SHAPES, lambda mark: True)]
    found = set(Member.objects.filter(list=list_id, address__in=keys).values_list("address", flat=True))
    return [key for key in dict.fromkeys(keys) if key in found]


class StoredLists:
    """Implements `logic.lookup.Lists` by a query for each question: for who looks into one message, not
    for a server of many."""

    def contains(self, list_id: str, address: str) -> bool:
        if matching_members(list_id, address):
            return True
        if not AddressList.objects.filter(pk=list_id).exists():
            raise UnreadableListError(f"there is no address list {list_id}")
        return False
