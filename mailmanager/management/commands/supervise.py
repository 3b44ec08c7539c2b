"""`manage.py supervise [PROCESS…]`: run the processes of this machine, in the foreground."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mailmanager import supervision
from mailmanager.processes import chosen_specs


class Command(BaseCommand):
    help = "Runs the processes of Mail Manager, starts again what dies, stops all on Ctrl-C or SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("process", nargs="*", help="only these (default: all): web worker ingress …")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        try:
            specs = chosen_specs(options["process"])
            # Each process reads the file with settings itself, as it is when it is started.
            os.environ.clear()
            os.environ.update(settings.START_ENVIRONMENT)
            with supervision.sole_supervisor(settings.DATA_DIR):
                supervision.run(specs, settings.DATA_DIR, settings.BASE_DIR)
        except LookupError as error:
            raise CommandError(str(error)) from None
        except BlockingIOError:
            raise CommandError(f"Mail Manager already runs on {settings.DATA_DIR}") from None
