"""`manage.py checkruleset FILE`: what is wrong with a rule set's document, and what it does with mail."""

import argparse
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from addresslists.reading import StoredLists
from console import json_source
from core.envelope import Envelope, TlsVersion
from core.errors import Problem
from core.message import Message
from rulesets.logic.check import Limits, check_document, check_whole
from rulesets.logic.compile import compile_rule_set
from rulesets.logic.delivery import Plan
from rulesets.logic.warnings import warnings_in
from rulesets.words import doubt_in_words


class Command(BaseCommand):
    help = (
        'Check a rule set\'s document ({"Rules": […]}) and, with --message, say what it does with a message.'
        " Relays, mailboxes and buckets are not looked up, address lists for a message alone. Exits with 1"
        " where the document is wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a JSON file; - reads standard input")
        parser.add_argument("--message", metavar="FILE", help="say what becomes of this message (raw MIME)")
        parser.add_argument("--to", metavar="RECIPIENT", nargs="+", default=[], help="its recipients")
        parser.add_argument("--from", metavar="SENDER", dest="reverse_path", default="", help="its sender")
        parser.add_argument(
            "--ip", type=_address, default="192.0.2.1", help="the sender's address (%(default)s)"
        )
        parser.add_argument("--helo", default="client.example", help="the sender's HELO (%(default)s)")
        parser.add_argument("--tls", choices=["none", *TlsVersion], default="none", help="the session's TLS")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"]
        if options["message"] and not options["to"]:
            raise CommandError("--message needs recipients: --to a@b.example")
        text = _decoded(name, _read(name))
        if problems := json_source.check(text, _problems_in):
            for problem in problems:
                where = f"{name}:{problem.line}: " + (f"{problem.path}: " if problem.path else "")
                self.stdout.write(where + problem.message)
            sys.exit(1)
        source = json_source.parse(text)
        for doubt in warnings_in(source.value["Rules"]):
            line = source.line_of(doubt.path)
            self.stdout.write(f"{name}:{line}: warning: {doubt.path}: {doubt_in_words(doubt)}")
        if options["message"]:
            message = _read(options["message"])
            rule_set = compile_rule_set(source.value, StoredLists())
            plan = rule_set.plan(_envelope(options, len(message)), Message(message))
            self.stdout.writelines(f"{line}\n" for line in _lines(plan))
        else:
            self.stdout.write(f"{name}: no problems")


def _problems_in(document: Any) -> list[Problem]:
    return check_whole(document, lambda rules: check_document(rules, Limits(settings.MAX_RULES)))


def _lines(plan: Plan) -> list[str]:
    """One for each thing to be done, and one for each way to end without."""
    done = [
        f"Rules[{delivery.rule}].Actions[{delivery.action_index}] {delivery.kind}: "
        + ", ".join(delivery.recipients)
        for delivery in plan.deliveries
    ]
    ends = (("dropped", plan.dropped), ("unhandled", plan.unhandled), ("failed", plan.failed))
    return done + [f"{end}: {', '.join(paths)}" for end, paths in ends if paths]


def _envelope(options: dict[str, Any], size_bytes: int) -> Envelope:
    return Envelope(
        message_id="",
        endpoint_id="",
        rule_set_id="",
        session_id="",
        received_at=datetime.now(UTC),
        peer_address=options["ip"],
        endpoint_address="",
        helo=options["helo"],
        is_esmtp=True,
        reverse_path=options["reverse_path"],
        forward_paths=tuple(options["to"]),
        size_bytes=size_bytes,
        tls_version=None if options["tls"] == "none" else TlsVersion(options["tls"]),
    )


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: is no UTF-8 text") from error


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is no IP address") from error
