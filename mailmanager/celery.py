"""The Celery application: `celery -A mailmanager worker`, `celery -A mailmanager beat`."""

import asyncio
import gc
import os
import sys
from typing import Any

import uvloop
from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")

app = Celery("mailmanager")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _leave_logging_alone(**_arguments: Any) -> None:
    """Celery configures nothing where this signal has a receiver: Django has read LOGGING already."""


# A drain works on two threads, one of them the event loop of the deliveries: with Python's 5 ms a server's
# answer would wait so long for the walk through a rule set.
_SWITCH_SECONDS = 0.0005


@worker_process_init.connect
def _prepare_for_mail(**_arguments: Any) -> None:
    """In each process of the pool, before its first task: what makes many small messages cheap."""
    gc.freeze()  # modules and models live as long as the process
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(_SWITCH_SECONDS)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


@worker_ready.connect
def _go_on_at_once(**_arguments: Any) -> None:
    for task in settings.TASKS_AT_START:
        app.send_task(task)
