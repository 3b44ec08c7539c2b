"""SMTP for every endpoint, until SIGTERM."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingress.config import IngressConfig
from ingress.service import serve, serve_in_processes


class Command(BaseCommand):
    help = "Take in mail on the addresses of all ingress endpoints."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--processes", type=int, default=1, help="how many processes share the ports (default: 1)"
        )

    def handle(self, *args: Any, processes: int, **options: Any) -> None:
        if processes < 1:
            raise CommandError("--processes takes 1 or more")
        config = IngressConfig.from_settings()
        if processes == 1:
            serve(config)
        else:
            sys.exit(serve_in_processes(config, processes))
