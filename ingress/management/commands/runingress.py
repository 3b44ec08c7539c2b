"""SMTP for every endpoint, until SIGTERM; SIGHUP: anew, without a closed port."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingress.config import IngressConfig
from ingress.family import Family
from ingress.service import serve


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
        manage = [sys.executable, sys.argv[0]]
        family = Family(
            lambda sockets: serve(config, sockets),
            processes,
            command=[*manage, *sys.argv[1:]],
            rehearsal=[*manage, "check"],
            environment=settings.START_ENVIRONMENT,
        )
        sys.exit(family.run())
