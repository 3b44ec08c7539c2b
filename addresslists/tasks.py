"""Celery shells of the services."""

from celery import shared_task

from addresslists import importing
from addresslists.services import members
from core.errors import NotFound


@shared_task
def publish(list_id: str) -> None:
    """A new index, so that single changes need not be carried beside the old one any longer."""
    try:
        members.publish(list_id)
    except NotFound:
        return  # deleted meanwhile


@shared_task
def run_import(job_id: str) -> None:
    """A while's work on an import, and then the next while's in its turn."""
    if importing.run(job_id):
        run_import.delay(job_id)


@shared_task
def sweep() -> None:
    """What a lost message or a dead worker left."""
    for job_id in importing.waiting():
        run_import.delay(job_id)
