"""Celery shells of provisioning, on the queue `control`. Each is safe to run twice, and late."""

from celery import shared_task
from django.utils import timezone

from endpoints import provisioning, secret_check
from endpoints.logic.life import Status


@shared_task
def provision(endpoint_id: str) -> None:
    provisioning.provision(endpoint_id)


@shared_task
def settle(endpoint_id: str) -> None:
    provisioning.settle(endpoint_id)


@shared_task
def deprovision(endpoint_id: str) -> None:
    provisioning.deprovision(endpoint_id)


_TASK_OF = {Status.PROVISIONING: provision, Status.UPDATING: settle, Status.DEPROVISIONING: deprovision}


@shared_task
def sweep() -> None:
    """By beat: what a lost task, a dead worker or an absent ingress left on its way."""
    for endpoint_id, status in provisioning.claim_overdue(timezone.now()):
        _TASK_OF[status].delay(endpoint_id)


@shared_task
def check_secrets() -> None:
    """By beat: which endpoints may not read their secret any more."""
    secret_check.check_secrets()


@shared_task
def resume() -> None:
    """When a worker starts: tasks may have gone with Redis, or could not be sent to it. What goes on twice
    then does no harm, and nothing waits for the sweep's patience."""
    for endpoint_id, status in provisioning.on_their_way():
        _TASK_OF[status].delay(endpoint_id)
