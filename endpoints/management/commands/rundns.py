"""`manage.py rundns`: answers for the endpoints' names, until SIGTERM."""

import asyncio
import signal
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError

from endpoints.dns_server import DnsServer
from endpoints.models import zone_name
from endpoints.zone_source import ZoneSource, listening_place

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Answer DNS queries for the names of ingress endpoints, at MAILMANAGER_DNS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            host, port = listening_place()
        except ValueError as error:
            raise CommandError(f"MAILMANAGER_DNS: {error}") from error
        try:
            asyncio.run(serve(host, port))
        except OSError as error:
            raise CommandError(f"MAILMANAGER_DNS: can't listen on {host} port {port}: {error}") from error


async def serve(host: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    source = ZoneSource()
    server = DnsServer(lambda: source.current)
    await server.start(host, port)
    try:
        await source.start()
        log.info("dns_started", host=host, port=port, zone=zone_name())
        await stopped.wait()
    finally:
        await server.close()
        await source.close()
    log.info("dns_stopped")
