"""`manage.py checkpolicy FILE`: what is wrong with a policy document, and what it decides."""

import argparse
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from addresslists.reading import StoredLists
from console import json_source
from core.cidr import Address
from core.envelope import TlsVersion
from core.units import parse_size
from policies.logic.check import check_document
from policies.logic.evaluate import Decision, Reason, compile_policy
from policies.services import limits


class Command(BaseCommand):
    help = (
        "Check a traffic policy's document (DefaultAction, MaxMessageSizeBytes, PolicyStatements) and,"
        " with --decide, say what it decides about a recipient. Exits with 1 where the document is wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a JSON file; - reads standard input")
        parser.add_argument(
            "--decide", metavar="RECIPIENT", help="say what the policy decides about this recipient"
        )
        parser.add_argument(
            "--ip", type=_address, default="192.0.2.1", help="the sender's address (%(default)s)"
        )
        parser.add_argument("--tls", choices=["none", *TlsVersion], default="none", help="the session's TLS")
        parser.add_argument("--size", type=_size, default=0, help="the message's size, as in 25MB")

    def handle(self, *args: Any, **options: Any) -> None:
        text = _read(options["file"])
        problems = json_source.check(text, lambda document: check_document(document, limits()))
        for problem in problems:
            where = f"{options['file']}:{problem.line}: "
            self.stdout.write(where + (f"{problem.path}: " if problem.path else "") + problem.message)
        if problems:
            sys.exit(1)
        if options["decide"] is None:
            self.stdout.write(f"{options['file']}: no problems")
            return
        tls = None if options["tls"] == "none" else TlsVersion(options["tls"])
        policy = compile_policy(json_source.parse(text).value, StoredLists())
        explanation = policy.explain(options["decide"], options["ip"], tls, options["size"])
        self.stdout.write(_line(explanation.decision))


def _read(name: str) -> str:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: is no UTF-8 text") from error


def _line(decision: Decision) -> str:
    match decision.reason:
        case Reason.SIZE:
            reason = "larger than MaxMessageSizeBytes"
        case Reason.STATEMENT:
            reason = f"PolicyStatements[{decision.statement}]"
        case Reason.DEFAULT:
            reason = "DefaultAction"
        case Reason.LIST:
            reason = "an address list that is not there"
    return f"{decision.verdict} ({reason})"


def _address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is no IP address") from error


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
