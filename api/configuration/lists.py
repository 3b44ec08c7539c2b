"""Address lists, with all that is in them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from access.actor import Actor
from addresslists.logic.members import member_of
from addresslists.models import AddressList
from addresslists.reading import member_pages
from addresslists.services import lists, members
from api.call import Document
from api.tag_members import tag_list, tags_from
from core.errors import Invalid, Problem
from resources.services import change_tags, tags_of


class AddressLists:
    section = "AddressLists"
    word = "address list"
    name_member = "AddressListName"
    identifier_members: Sequence[str] = ("AddressListId", "AddressListArn")
    fixed_members: Sequence[str] = ()
    types: Mapping[str, type] = MappingProxyType({"Addresses": list, "Tags": list})

    def entries(self) -> list[Document]:
        return [self._entry(found) for found in AddressList.objects.order_by("name")]

    def create(self, actor: Actor, wanted: Document) -> None:
        lists.create(
            actor,
            name=wanted["AddressListName"],
            members=_checked(wanted.get("Addresses", [])),
            tags=tags_from(wanted),
        )

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        list_id = current["AddressListId"]
        if "Addresses" in changes:
            wanted, there = set(_checked(changes["Addresses"])), set(current["Addresses"])
            if there - wanted:
                members.remove_many(actor, list_id, sorted(there - wanted))
            if wanted - there:
                members.import_members(actor, list_id, sorted(wanted - there))
        if "Tags" in changes:
            change_tags(actor, current["AddressListArn"], tags_from(dict(changes)))

    def _entry(self, found: AddressList) -> Document:
        return {
            "AddressListId": found.id,
            "AddressListArn": found.arn,
            "AddressListName": found.name,
            "Addresses": [address for page in member_pages(found.id) for address in page],
            **({"Tags": tag_list(tags)} if (tags := tags_of(found.arn)) else {}),
        }


def _checked(addresses: list[Any]) -> list[str]:
    """Canonical. Invalid, naming each that is none."""
    checked, problems = [], []
    for index, address in enumerate(addresses):
        try:
            checked.append(member_of(address if isinstance(address, str) else ""))
        except ValueError as error:
            problems.append(Problem(f"Addresses[{index}]", str(error)))
    if problems:
        raise Invalid(problems)
    return checked
