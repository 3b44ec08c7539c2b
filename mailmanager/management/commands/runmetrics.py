"""Metrics of this node over HTTP, for nodes without web, until SIGTERM."""

import signal
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from prometheus_client.exposition import ThreadingWSGIServer

from mailmanager.metrics_answer import answer
from metrics.exposition import CONTENT_TYPE, may_read

log = structlog.get_logger()


class Command(BaseCommand):
    help = "Answer GET /metrics at MAILMANAGER_METRICS, for nodes that run no web process."

    def handle(self, *args: Any, **options: Any) -> None:
        host, _, port = settings.METRICS_ADDRESS.rpartition(":")
        if not port.isdecimal():
            raise CommandError("MAILMANAGER_METRICS: an address and a port: 127.0.0.1:9464")
        try:
            server = make_server(host.strip("[]"), int(port), _respond, ThreadingWSGIServer, _QuietHandler)
        except OSError as error:
            raise CommandError(f"MAILMANAGER_METRICS: can't listen on {host} port {port}: {error}") from error
        with server:
            for number in (signal.SIGTERM, signal.SIGINT):
                # Not on this thread: shutdown waits until serve_forever, which runs on it, returns.
                signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
            log.info("metrics_started", host=host, port=server.server_port)
            server.serve_forever()
        log.info("metrics_stopped")


class _QuietHandler(WSGIRequestHandler):
    timeout = 10.0

    def log_message(self, format: str, *arguments: Any) -> None:
        log.debug("metrics_asked", line=format % arguments)


def _respond(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ.get("PATH_INFO") != "/metrics":
        status, body, content_type = "404 Not Found", b"", "text/plain"
    elif not may_read(environ):
        status, body, content_type = "403 Forbidden", b"", "text/plain"
    else:
        status, body, content_type = "200 OK", answer(), CONTENT_TYPE
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
