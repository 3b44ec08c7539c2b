"""What time does to secrets and keys."""

from celery import shared_task
from django.utils import timezone

from access.actor import system
from secrets_store.services import keys, rotation, secrets


@shared_task
def sweep() -> None:
    """Due rotations and deletions. Safe to run twice: each verb looks at the row again."""
    actor, now = system("sweep-secrets"), timezone.now()
    rotation.rotate_due(actor, now)
    keys.rotate_due(actor, now)
    secrets.delete_due(actor, now)
    keys.delete_due(actor, now)
