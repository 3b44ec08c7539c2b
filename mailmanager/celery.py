"""The Celery application: `celery -A mailmanager worker`, `celery -A mailmanager beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")

app = Celery("mailmanager")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
