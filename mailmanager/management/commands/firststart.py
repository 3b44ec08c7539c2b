"""`manage.py firststart`: all that must be there before the processes run. Safe to run at each start."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from access.actor import system
from mailmanager import preparation

_FRAME = "=" * 72


class Command(BaseCommand):
    help = "Makes databases and static files ready; on the very first start an administrator and a sample."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        actor = system("firststart")
        with preparation.alone():
            preparation.prepare_stores()
            with transaction.atomic():
                password = preparation.make_administrator(actor)
        if password:
            self.stdout.write(_welcome(password))


def _welcome(password: str) -> str:
    """The only time that a password made by us is shown."""
    shown = (
        "as MAILMANAGER_ADMIN_PASSWORD says" if settings.ADMIN_PASSWORD else f"{password}   (not shown again)"
    )
    lines = [
        _FRAME,
        f"  Console    http://{settings.HTTP_ADDRESS}/",
        f"  User name  {preparation.ADMINISTRATOR}",
        f"  Password   {shown}",
        _FRAME,
    ]
    return "\n".join(lines)
