"""`manage.py firststart`: all that must be there before the processes run. Safe to run at each start."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from access.actor import system
from mailmanager import preparation, sample

_FRAME = "=" * 72


class Command(BaseCommand):
    help = "Makes databases and static files ready; on the very first start an administrator and a sample."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        actor = system("firststart")
        with preparation.alone(), _nobody_listening():
            preparation.prepare_stores()
            with transaction.atomic():
                password = preparation.make_administrator(actor)
                endpoint = sample.make_sample(actor)
        if password:
            self.stdout.write(_welcome(password, has_sample=endpoint is not None))


@contextlib.contextmanager
def _nobody_listening() -> Iterator[None]:
    """Redis starts after us: that nobody could be told of a change is no news."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _welcome(password: str, *, has_sample: bool) -> str:
    """The only time that a password made by us is shown; one that was given is not."""
    shown = (
        "as MAILMANAGER_ADMIN_PASSWORD says" if settings.ADMIN_PASSWORD else f"{password}   (not shown again)"
    )
    lines = [
        f"  Console    http://{settings.HTTP_ADDRESS}/",
        f"  User name  {preparation.ADMINISTRATOR}",
        f"  Password   {shown}",
    ]
    if has_sample:
        lines += [
            "",
            f"  The ingress endpoint “{sample.NAME}” will be Active in a few seconds. A first mail to it:",
            f"      {_python()} manage.py sendtest",
            f"  It arrives in {settings.DATA_DIR}/mailboxes/{sample.MAILBOX}/new,",
            "  and “Message trace” in the console tells its story.",
        ]
    return "\n".join([_FRAME, *lines, _FRAME])


def _python() -> str:
    """The interpreter as one types it in the project's folder."""
    python = Path(sys.executable)
    return str(python.relative_to(settings.BASE_DIR) if python.is_relative_to(settings.BASE_DIR) else python)
