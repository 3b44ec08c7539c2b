"""The Celery application: `celery -A mailmanager worker`, `celery -A mailmanager beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")

app = Celery("mailmanager")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _leave_logging_alone(**_arguments: Any) -> None:
    """Celery configures nothing where this signal has a receiver: Django has read LOGGING already."""


@worker_ready.connect
def _sweep_at_once(**_arguments: Any) -> None:
    """What was left while no worker or no Redis was there is found now, not at beat's next turn."""
    for name, entry in app.conf.beat_schedule.items():
        if name.startswith("sweep-"):
            app.send_task(entry["task"])
