"""What beat has done for the API."""

from celery import shared_task

from api import idempotency


@shared_task
def forget_answers() -> None:
    idempotency.forget_old()
