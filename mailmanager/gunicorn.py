"""Gunicorn's settings for console and API: `gunicorn -c python:mailmanager.gunicorn mailmanager.wsgi`."""

import datetime
import os
from typing import Any

import django
import structlog
from django.conf import settings
from gunicorn.glogging import Logger

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailmanager.settings")
django.setup()  # here, so that the master's own lines are logged as all others are


class EventLogger(Logger):
    """Gunicorn's lines through our handler, and an access line with fields.

    The query is not logged: it holds what people search for.
    """

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = True
        for log in (self.error_log, self.access_log):
            log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: datetime.timedelta) -> None:
        structlog.get_logger("gunicorn.access").info(
            "request_answered",
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            status=int(str(resp.status).split(" ", 1)[0]),
            size_bytes=resp.sent,
            duration_ms=round(request_time.total_seconds() * 1000, 1),
            peer_address=environ.get("REMOTE_ADDR", ""),
        )


bind = [settings.HTTP_ADDRESS]
workers = settings.WEB_PROCESSES
worker_class = "gthread"
threads = 4  # a page that waits for the database leaves the others alone
# The workers' heartbeat, never on a disk that may be slow.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
graceful_timeout = 10
logger_class = EventLogger
control_socket_disable = True
