"""`manage.py reload`: the running processes begin anew, with the program and the settings as they are now."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mailmanager import supervision


class Command(BaseCommand):
    help = "Tells the supervisor of this data directory to start all anew; SMTP ports stay open meanwhile."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        try:
            supervision.reload(settings.DATA_DIR)
        except OSError as error:
            raise CommandError(f"no supervisor answers on {settings.DATA_DIR}: {error}") from None
