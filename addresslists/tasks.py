"""Celery shells of the services."""

from celery import shared_task

from addresslists.services import members
from core.errors import NotFound


@shared_task
def publish(list_id: str) -> None:
    """A new index, so that single changes need not be carried beside the old one any longer."""
    try:
        members.publish(list_id)
    except NotFound:
        return  # deleted meanwhile
