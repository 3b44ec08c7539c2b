"""The Celery application: `celery -A mailmanager worker`, `celery -A mailmanager beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")

app = Celery("mailmanager")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _leave_logging_alone(**_arguments: Any) -> None:
    """Celery configures nothing where this signal has a receiver: Django has read LOGGING already."""


@worker_ready.connect
def _go_on_at_once(**_arguments: Any) -> None:
    for task in settings.TASKS_AT_START:
        app.send_task(task)
