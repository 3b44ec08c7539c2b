"""Giving out addresses of the pool and taking them back: one address, one endpoint, by the primary key."""

from datetime import datetime, timedelta
from ipaddress import ip_address

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from endpoints.logic.pool import Pool, PoolError, choose, read_pool
from endpoints.logic.reasons import Reason, ReasonCode
from endpoints.models import EndpointAddress, IngressEndpoint


class NoAddressError(Exception):
    """The pool gives none; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.to_text())
        self.reason = reason


def take(endpoint: IngressEndpoint, now: datetime) -> bool:
    """See to it that the endpoint has its addresses; whether anything changed. NoAddressError.

    An IPv4 address where the pool has any, and an IPv6 one while there are some (needed where the pool
    has no IPv4). What it holds and the pool no longer names is given back. Call it in a transaction that
    holds the endpoint's row.
    """
    pool = configured_pool()
    held = list(endpoint.addresses.values_list("address", flat=True))
    foreign = [address for address in held if not pool.holds(ip_address(address))]
    if foreign:
        give_back(endpoint, now, only=foreign)
    versions = {ip_address(address).version for address in held if address not in foreign}
    changed = bool(foreign)
    for version in (4, 6):
        if pool.has_version(version) and version not in versions:
            is_needed = version == 4 or not pool.has_version(4)
            changed |= _take_one(endpoint, pool, version, now, is_needed=is_needed)
    return changed


def give_back(endpoint: IngressEndpoint, now: datetime, *, only: list[str] | None = None) -> None:
    """The endpoint's addresses (or `only` those) belong to none, and rest."""
    rows = EndpointAddress.objects.filter(endpoint=endpoint)
    if only is not None:
        rows = rows.filter(address__in=only)
    rows.update(endpoint=None, rests_until=now + timedelta(seconds=settings.ADDRESS_REST_SECONDS))


def forget_rested(now: datetime) -> None:
    """Rows of addresses that have rested: without a row an address is free."""
    rested = Q(rests_until__isnull=True) | Q(rests_until__lte=now)
    EndpointAddress.objects.filter(rested, endpoint=None).delete()


def configured_pool() -> Pool:
    try:
        return read_pool(settings.ADDRESS_POOL)
    except PoolError as error:
        raise NoAddressError(Reason(ReasonCode.POOL_UNREADABLE, {"problem": str(error)})) from error


def _take_one(endpoint: IngressEndpoint, pool: Pool, version: int, now: datetime, *, is_needed: bool) -> bool:
    forget_rested(now)
    rows = dict(EndpointAddress.objects.values_list("address", "endpoint_id"))
    for address in choose(pool, version, rows.keys()):
        try:
            with transaction.atomic():
                EndpointAddress.objects.create(address=address, endpoint=endpoint)
        except IntegrityError:  # another worker was first
            continue
        return True
    if not is_needed:
        return False
    in_pool = {address: user for address, user in rows.items() if pool.holds(ip_address(address))}
    counts = [user is None for address, user in in_pool.items() if ip_address(address).version == version]
    details = {"family": f"IPv{version}", "in_use": str(counts.count(False)), "resting": str(sum(counts))}
    raise NoAddressError(Reason(ReasonCode.POOL_EXHAUSTED, details))
