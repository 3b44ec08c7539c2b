"""Every change to address lists as such; `services.members` changes what is in them."""

from collections.abc import Iterable, Mapping
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access.actor import Actor, Permission
from access.services import audit, require
from addresslists import indexes
from addresslists.logic.members import member_of
from addresslists.models import AddressList
from addresslists.services import members as member_services
from core import service_model
from core.errors import Conflict, Invalid, NotFound, Problem, QuotaExceeded
from core.identifiers import new_id, resource_name
from resources.services import bump_configuration, delete_unused, set_tags


def create(
    actor: Actor, *, name: str, members: Iterable[str] = (), tags: Mapping[str, str] | None = None
) -> AddressList:
    """Paths of problems: name, members[i], Tags…; a member that comes twice counts once."""
    require(actor, Permission.WRITE)
    address_list = AddressList(id=new_id(AddressList.PREFIX), name=name)
    unique = _validate(name, members)
    with transaction.atomic():
        if AddressList.objects.count() >= settings.MAX_ADDRESS_LISTS:
            raise QuotaExceeded(
                _("There are %(limit)d address lists already (MAILMANAGER_MAX_ADDRESS_LISTS).")
                % {"limit": settings.MAX_ADDRESS_LISTS}
            )
        _save(address_list)
        if unique:
            member_services.insert(address_list.id, unique)
            address_list.refresh_from_db()
        set_tags(address_list.arn, tags or {})
        audit(actor, "addresslists.create", address_list.arn, name=name, members=len(unique))
    return address_list


def delete(actor: Actor, list_id: str) -> None:
    """Conflict while a policy or a rule set names it, telling which."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        address_list = locked(list_id)
        arn, name, count = address_list.arn, address_list.name, address_list.member_count
        delete_unused(address_list)
        audit(actor, "addresslists.delete", arn, name=name, members=count)
        bump_configuration()
        transaction.on_commit(partial(indexes.forget_index, resource_name(arn)))


def locked(list_id: str) -> AddressList:
    address_list = AddressList.objects.select_for_update().filter(pk=resource_name(list_id)).first()
    if address_list is None:
        raise NotFound(_("There is no address list %(id)s.") % {"id": list_id})
    return address_list


def _validate(name: str, members: Iterable[str]) -> list[str]:
    problems = []
    if service_model.problems("AddressListName", name):
        problems.append(Problem("name", _("A name has 1 to 255 characters of A-Z, a-z, 0-9, _, . and -.")))
    unique: dict[str, None] = {}
    for index, member in enumerate(members):
        try:
            unique[member_of(member)] = None
        except ValueError as error:
            problems.append(Problem(f"members[{index}]", str(error)))
    if problems:
        raise Invalid(problems)
    return list(unique)


def _save(address_list: AddressList) -> None:
    """Conflict where another list has the name: the constraint decides, whoever was first."""
    try:
        with transaction.atomic():
            address_list.save()
    except IntegrityError as error:
        raise Conflict(
            _("There is an address list named %(name)s already.") % {"name": address_list.name}, path="name"
        ) from error
