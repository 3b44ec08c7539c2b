"""Address lists, their members, and import jobs."""

from typing import Any

from django.utils import timezone

from addresslists.models import AddressList, ImportJob
from addresslists.reading import find_member, members_of
from addresslists.reading import get as get_list
from addresslists.services import imports, lists, members
from api.call import Call, Document, Operation
from api.members import blaming
from api.pagination import Paging, page_of
from api.presigned import presigned_url
from api.tag_members import tags_from
from core.errors import NotFound

_MEMBERS = {
    "name": "AddressListName",
    "address": "Address",
    "kind": "ImportDataFormat.ImportDataType",
}
_ADDRESSES = Paging("PageSize", "NextToken", 100)


def create(call: Call) -> Document:
    made = lists.create(call.actor, name=call.input["AddressListName"], tags=tags_from(call.input))
    return {"AddressListId": made.id}


def get(call: Call) -> Document:
    return _told(get_list(call.input["AddressListId"]))


def list_all(call: Call) -> Document:
    page = page_of(call, AddressList.objects.all())
    return {"AddressLists": list(map(_told, page.rows)), "NextToken": page.next_token}


def delete(call: Call) -> Document:
    """What is gone is gone: the service model has no ResourceNotFoundException for this operation."""
    try:
        lists.delete(call.actor, call.input["AddressListId"])
    except NotFound:
        return {}
    return {}


def _told(address_list: AddressList) -> Document:
    return {
        "AddressListId": address_list.id,
        "AddressListArn": address_list.arn,
        "AddressListName": address_list.name,
        "CreatedTimestamp": address_list.created_at,
        "LastUpdatedTimestamp": address_list.updated_at,
    }


# --- members --------------------------------------------------------------------------------------


def register(call: Call) -> Document:
    members.register(call.actor, call.input["AddressListId"], call.input["Address"])
    return {}


def deregister(call: Call) -> Document:
    members.deregister(call.actor, call.input["AddressListId"], call.input["Address"])
    return {}


def get_member(call: Call) -> Document:
    address_list = get_list(call.input["AddressListId"])
    member = find_member(address_list.id, call.input["Address"])
    return {"Address": member.address, "CreatedTimestamp": member.added_at}


def list_members(call: Call) -> Document:
    address_list = get_list(call.input["AddressListId"])
    prefix = call.input.get("Filter", {}).get("AddressPrefix", "")
    rows = members_of(address_list.id, prefix=prefix).values("address", "added_at")
    page = page_of(call, rows, _ADDRESSES, key="address")
    return {
        "Addresses": [{"Address": row["address"], "CreatedTimestamp": row["added_at"]} for row in page.rows],
        "NextToken": page.next_token,
    }


# --- import jobs ----------------------------------------------------------------------------------


def create_import(call: Call) -> Document:
    job = imports.create(
        call.actor,
        call.input["AddressListId"],
        name=call.input["Name"],
        kind=call.input["ImportDataFormat"]["ImportDataType"],
    )
    return {"JobId": job.id, "PreSignedUrl": _url(call, job)}


def start_import(call: Call) -> Document:
    imports.start(call.actor, call.input["JobId"])
    return {}


def stop_import(call: Call) -> Document:
    imports.stop(call.actor, call.input["JobId"])
    return {}


def get_import(call: Call) -> Document:
    return _told_import(call, imports.get(call.input["JobId"]))


def list_imports(call: Call) -> Document:
    address_list = get_list(call.input["AddressListId"])
    page = page_of(call, ImportJob.objects.filter(list=address_list))
    return {
        "ImportJobs": [_told_import(call, job) for job in page.rows],
        "NextToken": page.next_token,
    }


def _told_import(call: Call, job: ImportJob) -> Document:
    counts: dict[str, Any] = {}
    if job.started_at is not None:
        counts = {"ImportedItemsCount": job.imported_count, "FailedItemsCount": job.failed_count}
    return {
        "JobId": job.id,
        "Name": job.name,
        "Status": job.status,
        "PreSignedUrl": _url(call, job),
        **counts,
        "ImportDataFormat": {"ImportDataType": job.kind},
        "AddressListId": job.list_id,
        "CreatedTimestamp": job.created_at,
        "StartTimestamp": job.started_at,
        "CompletedTimestamp": job.completed_at,
        "Error": job.error or None,
    }


def _url(call: Call, job: ImportJob) -> str:
    return presigned_url(call.base_url, job.id, timezone.now())


_OF_LISTS: dict[str, Operation] = {
    "CreateAddressList": create,
    "GetAddressList": get,
    "ListAddressLists": list_all,
    "DeleteAddressList": delete,
    "RegisterMemberToAddressList": register,
    "DeregisterMemberFromAddressList": deregister,
    "GetMemberOfAddressList": get_member,
    "ListMembersOfAddressList": list_members,
}
_OF_IMPORTS: dict[str, Operation] = {
    "CreateAddressListImportJob": create_import,
    "GetAddressListImportJob": get_import,
    "ListAddressListImportJobs": list_imports,
    "StartAddressListImportJob": start_import,
    "StopAddressListImportJob": stop_import,
}
OPERATIONS: dict[str, Operation] = blaming(_MEMBERS, _OF_LISTS) | blaming(
    _MEMBERS | {"name": "Name"}, _OF_IMPORTS
)
