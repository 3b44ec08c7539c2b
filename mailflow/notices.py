"""Notices to the workers that there is mail to process: quick, and allowed to get lost."""

import threading
import time

import structlog
from celery import current_app

log = structlog.get_logger()

PROCESS_TASK = "mailflow.tasks.process"

# Under load a notice stands for all batches of so long: a worker takes what it finds anyway, and each
# notice costs the ingress a millisecond. The first after a rest goes at once.
_LEAST_INTERVAL_SECONDS = 0.1
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
# What no worker took up for so long the sweep has told them by itself.
_EXPIRES_SECONDS = 60.0


def send_notice() -> None:
    """Blocks for as long as the broker takes (seconds where it is away). Raises what Celery raises."""
    current_app.send_task(PROCESS_TASK, retry=False, ignore_result=True, expires=_EXPIRES_SECONDS)


def try_to_send_notice() -> None:
    """For who has no thread to spare: a broker that is away is logged, and the sweep makes up for it."""
    try:
        send_notice()
    except Exception as error:  # noqa: BLE001 - whatever the broker's library raises
        log.warning("process_notice_failed", error=str(error))


class Notifier:
    """`notify()` never blocks and never fails; a thread talks to the broker."""

    def __init__(self) -> None:
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._is_broker_away = False
        self._thread = threading.Thread(target=self._run, name="spool-notices", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def notify(self) -> None:
        self._news.set()

    def stop(self) -> None:
        """A notice that is under way goes out first."""
        self._stopping.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._news.wait()
            is_last = self._stopping.is_set()
            self._news.clear()
            pause = self._send()
            if is_last:
                return
            time.sleep(pause)

    def _send(self) -> float:
        """Seconds to wait before the next one."""
        try:
            send_notice()
        except Exception as error:  # noqa: BLE001 - whatever the broker's library raises: the sweep makes up for it
            if not self._is_broker_away:
                log.warning("process_notice_failed", error=str(error))
            self._is_broker_away = True
            return _PAUSE_AFTER_FAILURE_SECONDS
        self._is_broker_away = False
        return _LEAST_INTERVAL_SECONDS
