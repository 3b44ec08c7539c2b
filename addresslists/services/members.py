"""Every change to what is in an address list: one by one, or by the million with `import_members`.

A change of one member is written down beside the list (`MemberChange`), and indexes take it up within
a second. After many, a new index is made of all (`publish`) and what was written down is let go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from access.actor import Actor, Permission
from access.services import audit, require
from addresslists import indexes, tasks
from addresslists.logic.members import canonical, member_of
from addresslists.models import AddressList, Member, MemberChange, new_base_key
from addresslists.reading import Base, get
from core.errors import Conflict, Invalid, NotFound, Problem, QuotaExceeded
from core.identifiers import resource_name
from resources.models import Reference
from resources.services import bump_configuration

log = structlog.get_logger()

BATCH = 5_000  # members in one transaction: some 30 ms in SQLite, which others may wait for
# So many single changes are carried beside an index: each look-up stays as quick, each refresh reads
# them all (a few milliseconds).
MAX_CHANGES = 1_000
MAX_AT_ONCE = 1_000  # typed by hand
BATCH_REMOVED = 500  # parameters of one query


@dataclass(slots=True)
class Imported:
    """`added` are new in the list, `present` were in it already, `refused` are no members."""

    added: int = 0
    present: int = 0
    refused: int = 0


def register(actor: Actor, list_id: str, address: str) -> Member:
    """Add one member. Invalid at `address`; Conflict where the list has it."""
    require(actor, Permission.WRITE)
    try:
        member = member_of(address)
    except ValueError as error:
        raise Invalid.at("address", str(error)) from error
    with transaction.atomic():
        added = _register(actor, list_id, member)
        if added is None:
            raise Conflict(_("%(address)s is in the list already.") % {"address": member}, path="address")
    return added


def register_many(actor: Actor, list_id: str, addresses: Sequence[str]) -> int:
    """Add some, all or none; how many were new. Problems at `addresses[i]`; at most MAX_AT_ONCE."""
    require(actor, Permission.WRITE)
    problems = []
    wanted: dict[str, None] = {}
    if len(addresses) > MAX_AT_ONCE:
        text = _("At most %(limit)d addresses at once; import a file of more.") % {"limit": MAX_AT_ONCE}
        raise Invalid.at("addresses", text)
    for index, address in enumerate(addresses):
        try:
            wanted[member_of(address)] = None
        except ValueError as error:
            problems.append(Problem(f"addresses[{index}]", str(error)))
    if problems:
        raise Invalid(problems)
    with transaction.atomic():
        return sum(_register(actor, list_id, member) is not None for member in wanted)


def deregister(actor: Actor, list_id: str, address: str) -> None:
    """Remove one member. NotFound where the list doesn't have it."""
    require(actor, Permission.WRITE)
    member = canonical(address.strip())
    with transaction.atomic():
        address_list = _next_version(list_id)
        deleted, _kinds = Member.objects.filter(list=address_list, address=member).delete()
        if not deleted:
            raise NotFound(_("%(address)s is not in the list.") % {"address": address})
        _write_down(address_list, member, is_member=False)
        audit(actor, "addresslists.deregister", address_list.arn, name=address_list.name, address=member)


def import_members(actor: Actor, list_id: str, addresses: Iterable[str]) -> Imported:
    """Add any number of members, streamed: `addresslists.services.members.import_members(actor, id, lines)`.

    Some 100,000 a second. What is no member is counted and left out. They hold, all at once, when this
    returns (in a transaction: when that is over). QuotaExceeded where the list would be too long; what was
    added before stays.
    """
    require(actor, Permission.WRITE)
    address_list = get(list_id)
    imported = Imported()
    lines = iter(addresses)
    try:
        while batch := list(islice(lines, BATCH)):
            members = _members_of(batch)
            added = add_batch(address_list.id, members)
            imported.added += added
            imported.present += len(members) - added
            imported.refused += len(batch) - len(members)
    finally:
        if imported.added:
            transaction.on_commit(partial(publish, address_list.id))
        audit(actor, "addresslists.import", address_list.arn, name=address_list.name, added=imported.added)
    return imported


def remove_many(actor: Actor, list_id: str, addresses: Iterable[str]) -> int:
    """Remove any number of canonical members; how many were there. They are gone as with `import_members`."""
    require(actor, Permission.WRITE)
    address_list = get(list_id)
    removed = 0
    left = iter(addresses)
    while batch := list(islice(left, BATCH_REMOVED)):
        with transaction.atomic():
            deleted, _kinds = Member.objects.filter(list=address_list, address__in=batch).delete()
            _count(address_list.id, -deleted)
        removed += deleted
    if removed:
        transaction.on_commit(partial(publish, address_list.id))
    audit(actor, "addresslists.remove_many", address_list.arn, name=address_list.name, removed=removed)
    return removed


def add_batch(list_id: str, members: Sequence[str]) -> int:
    """One transaction of an import; how many were new. They hold when `publish` was called."""
    with transaction.atomic():
        return insert(list_id, members)


def insert(list_id: str, members: Sequence[str]) -> int:
    """Canonical members, those that are there passed over; how many were new. In the caller's transaction,
    which QuotaExceeded undoes, as does NotFound."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    into = f"INSERT INTO {connection.ops.quote_name(Member._meta.db_table)} (list_id, address, added_at)"
    # Past the ORM, which takes many times as long for a million rows.
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            rows = "SELECT %s, unnest(%s::varchar[]), %s::timestamptz"
            cursor.execute(f"{into} {rows} ON CONFLICT DO NOTHING", [list_id, list(members), now])
        else:
            rows = "VALUES (%s, %s, %s)"
            several = [(list_id, member, now) for member in members]
            cursor.executemany(f"{into} {rows} ON CONFLICT DO NOTHING", several)
        added = cursor.rowcount
    _count(list_id, added)
    return added


def publish(list_id: str) -> None:
    """Make what is in the list now hold: a new index on this node, which others make for themselves.

    What changes one by one while it is made stays written down beside it. Not in a transaction: the file
    would outlive what is rolled back.
    """
    with transaction.atomic():
        base = Base(_next_version(list_id).version, new_base_key())
    indexes.build_index(list_id, base)
    with transaction.atomic():
        address_list = _next_version(list_id)
        if address_list.base_version >= base.version:
            return  # another, later one
        AddressList.objects.filter(pk=list_id).update(base_version=base.version, base_key=base.key)
        MemberChange.objects.filter(list=list_id, version__lte=base.version).delete()
        announce(address_list)


def announce(address_list: AddressList) -> None:
    """To the ingress, where a policy or rule set names the list; workers look for themselves."""
    if Reference.objects.filter(target_arn=address_list.arn).exists():
        bump_configuration()


def _members_of(batch: Iterable[str]) -> list[str]:
    members = []
    for line in batch:
        try:
            members.append(member_of(line))
        except ValueError:
            continue
    return members


def _register(actor: Actor, list_id: str, member: str) -> Member | None:
    """None where the list has it. In the caller's transaction."""
    found = get(list_id)
    added, is_new = Member.objects.get_or_create(list=found, address=member)
    if not is_new:
        return None
    address_list = _next_version(list_id)
    _write_down(address_list, member, is_member=True)
    audit(actor, "addresslists.register", address_list.arn, name=address_list.name, address=member)
    return added


def _next_version(list_id: str) -> AddressList:
    """The list, locked for this transaction, with its version one higher."""
    found = AddressList.objects.select_for_update().filter(pk=resource_name(list_id))
    if not found.update(version=F("version") + 1):
        raise NotFound(_("There is no address list %(id)s.") % {"id": list_id})
    return found.get()


def _count(list_id: str, more: int) -> None:
    """QuotaExceeded where the list has more members than it may."""
    found = AddressList.objects.filter(pk=list_id)
    if not found.update(member_count=F("member_count") + more, updated_at=timezone.now()):
        raise NotFound(_("There is no address list %(id)s.") % {"id": list_id})
    if more > 0 and found.filter(member_count__gt=settings.MAX_LIST_MEMBERS).exists():
        raise QuotaExceeded(
            _("An address list has at most %(limit)d addresses (MAILMANAGER_MAX_LIST_MEMBERS).")
            % {"limit": settings.MAX_LIST_MEMBERS}
        )


def _write_down(address_list: AddressList, member: str, *, is_member: bool) -> None:
    _count(address_list.id, 1 if is_member else -1)
    MemberChange.objects.create(
        list=address_list, version=address_list.version, address=member, is_member=is_member
    )
    announce(address_list)
    since_index = address_list.version - address_list.base_version
    if since_index % MAX_CHANGES == 0:
        transaction.on_commit(partial(_ask_to_publish, address_list.id))


def _ask_to_publish(list_id: str) -> None:
    try:
        tasks.publish.delay(list_id)
    except OperationalError as error:  # what is written down holds all the same
        log.warning("address_list_not_published", list=list_id, error=str(error))
