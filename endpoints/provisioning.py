"""The worker's side of an endpoint's life: what tasks do between a person's wish and its fulfilment.

Each function reads the row again, goes on from wherever it stands, and ends with a claim: run twice,
late or at the same time, it does no harm.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from access.actor import system
from access.services import audit
from core.identifiers import new_record_label
from endpoints import addresses, applied, probe
from endpoints.addresses import NoAddressError
from endpoints.logic import life
from endpoints.logic.life import Status, Verb, service_of
from endpoints.logic.reasons import Reason, ReasonCode
from endpoints.models import IngressEndpoint
from metrics.registry import PROVISIONING_SECONDS
from resources.services import bump_configuration, configuration_version, forget

log = structlog.get_logger()

SETTLE_TIMEOUT_SECONDS = 5.0  # then the sweep asks again
LEAVE_TIMEOUT_SECONDS = 5.0  # then the endpoint goes without the ingress' word: its address rests anyway
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.02, 0.25
# Until then a task may well be at work on it; the sweep leaves the row alone.
_GRACE = timedelta(seconds=10)


def provision(endpoint_id: str) -> None:
    """PROVISIONING → ACTIVE when the listener greets with the endpoint's name, else FAILED."""
    began_at = time.monotonic()
    try:
        if not _prepare(endpoint_id):
            return
    except NoAddressError as error:
        _fail(endpoint_id, error.reason, began_at)
        return
    reason = _wait_until_shown(endpoint_id, settings.PROVISION_TIMEOUT_SECONDS, by_all=False)
    if reason is None:
        _open_for_mail(endpoint_id)
        reason = _wait_until_shown(endpoint_id, settings.PROVISION_TIMEOUT_SECONDS, by_all=True)
    if reason is not None:
        _fail(endpoint_id, reason, began_at)
        return
    moved = IngressEndpoint.objects.filter(
        pk=endpoint_id, status__in=life.sources(Verb.PROVISIONED), wished_status=Status.ACTIVE
    ).update(status=Status.ACTIVE, status_reason="", updated_at=timezone.now())
    if moved:
        PROVISIONING_SECONDS.labels("active").observe(time.monotonic() - began_at)
        log.info("endpoint_provisioned", endpoint=endpoint_id)


def settle(endpoint_id: str) -> None:
    """UPDATING → what is wished, when every ingress process shows it; else it says so and stays."""
    endpoint = IngressEndpoint.objects.filter(pk=endpoint_id, status=Status.UPDATING).first()
    if endpoint is None:
        return
    reason = _wait_until_shown(endpoint_id, SETTLE_TIMEOUT_SECONDS, by_all=True)
    # Only what was seen whole: a later update has moved `updated_at`, and a task of its own.
    row = IngressEndpoint.objects.filter(
        pk=endpoint_id, status__in=life.sources(Verb.SETTLE), updated_at=endpoint.updated_at
    )
    if reason is not None:
        row.update(status_reason=Reason(ReasonCode.NOT_CONFIRMED, reason.details).to_text())
    elif row.update(status=endpoint.wished_status, status_reason=""):
        log.info("endpoint_settled", endpoint=endpoint_id, status=endpoint.wished_status)


def deprovision(endpoint_id: str) -> None:
    """DEPROVISIONING → gone, its addresses at rest."""
    leaving = IngressEndpoint.objects.filter(pk=endpoint_id, status__in=life.sources(Verb.REMOVE))
    if not leaving.exists():
        return
    version = configuration_version()
    _wait(lambda: None if applied.is_applied(version) else _NOT_APPLIED, LEAVE_TIMEOUT_SECONDS)
    with transaction.atomic():
        endpoint = leaving.select_for_update().first()
        if endpoint is None:
            return
        addresses.give_back(endpoint, timezone.now())
        forget(endpoint.arn)
        audit(system("endpoints.deprovision"), "endpoints.remove", endpoint.arn, name=endpoint.name)
        endpoint.delete()
    log.info("endpoint_removed", endpoint=endpoint_id)


def claim_overdue(now: datetime) -> list[tuple[str, Status]]:
    """Endpoints that have been on their way for too long, each given to one caller; and what has rested
    is free. The caller starts the task of that state again."""
    addresses.forget_rested(now)
    claimed = []
    limits = dict.fromkeys(life.MOVING, _GRACE)
    # Twice: once for the greeting, once until it is open.
    limits[Status.PROVISIONING] += timedelta(seconds=2 * settings.PROVISION_TIMEOUT_SECONDS)
    for status, limit in limits.items():
        overdue = IngressEndpoint.objects.filter(status=status, updated_at__lt=now - limit)
        for endpoint_id, updated_at in overdue.values_list("id", "updated_at"):
            if overdue.filter(pk=endpoint_id, updated_at=updated_at).update(updated_at=now):
                claimed.append((endpoint_id, status))
    return claimed


def on_their_way() -> list[tuple[str, Status]]:
    """Every endpoint that has not arrived, however long it has been."""
    moving = IngressEndpoint.objects.filter(status__in=life.MOVING).values_list("id", "status")
    return [(endpoint_id, Status(status)) for endpoint_id, status in moving]


# --- steps ----------------------------------------------------------------------------------------


def _prepare(endpoint_id: str) -> bool:
    """Address and name, published with the configuration; False when it is not PROVISIONING any more."""
    with transaction.atomic():
        endpoint = (
            IngressEndpoint.objects.select_for_update()
            .filter(pk=endpoint_id, status=Status.PROVISIONING)
            .first()
        )
        if endpoint is None:
            return False
        changed = addresses.take(endpoint, timezone.now())
        if not endpoint.record_label:
            endpoint.record_label = new_record_label()
            endpoint.save(update_fields=["record_label"])
            changed = True
        if changed:
            bump_configuration()
    return True


def _open_for_mail(endpoint_id: str) -> None:
    with transaction.atomic():
        opened = IngressEndpoint.objects.filter(
            pk=endpoint_id, status=Status.PROVISIONING, wished_status=Status.PROVISIONING
        ).update(wished_status=Status.ACTIVE)
        if opened:
            bump_configuration()


def _fail(endpoint_id: str, reason: Reason, began_at: float) -> None:
    with transaction.atomic():
        failed = IngressEndpoint.objects.filter(pk=endpoint_id, status__in=life.sources(Verb.FAIL)).update(
            status=life.target(Verb.FAIL).value, status_reason=reason.to_text(), updated_at=timezone.now()
        )
        if failed:
            bump_configuration()
            log.warning("endpoint_failed", endpoint=endpoint_id, reason=reason.code, **reason.details)
    if failed:
        PROVISIONING_SECONDS.labels("failed").observe(time.monotonic() - began_at)


def _wait_until_shown(endpoint_id: str, timeout_seconds: float, *, by_all: bool) -> Reason | None:
    """None when the endpoint answers as it stands in the database; `by_all`: and every ingress process
    has heard of it. Else why not."""
    endpoint = IngressEndpoint.objects.prefetch_related("addresses").filter(pk=endpoint_id).first()
    if endpoint is None:
        return None
    # After the row: the version is then at least the one that came with it.
    version = configuration_version()
    expected = service_of(Status(endpoint.status), Status(endpoint.wished_status))

    def check() -> Reason | None:
        reason = probe.look(endpoint, expected)
        if reason is None and by_all and not applied.is_applied(version):
            return _NOT_APPLIED
        return reason

    return _wait(check, timeout_seconds)


_NOT_APPLIED = Reason(ReasonCode.NOT_CONFIRMED)


def _wait(check: Callable[[], Reason | None], timeout_seconds: float) -> Reason | None:
    """Until `check()` is None; what it said last when time is up."""
    deadline = time.monotonic() + timeout_seconds
    wait_seconds = _FIRST_WAIT_SECONDS
    while (reason := check()) is not None and time.monotonic() < deadline:
        time.sleep(wait_seconds)
        wait_seconds = min(wait_seconds * 1.5, _LONGEST_WAIT_SECONDS)
    return reason
