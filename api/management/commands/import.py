"""manage.py import FILE [--dry-run]: make what a document of `manage.py export` says be so."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError

from access.actor import system
from api.configuration.transfer import Outcome, import_document
from api.management.commands.export import YAML_SUFFIXES
from core.errors import Invalid

_SIGNS = {Outcome.CREATED: "+", Outcome.CHANGED: "~", Outcome.REFUSED: "!"}


class Command(BaseCommand):
    help = (
        "Make what is missing and change what is otherwise than in FILE; nothing is deleted."
        " Exits with 1 where something was refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="YAML if *.yaml, else JSON; - is standard input")
        parser.add_argument("--dry-run", action="store_true", help="print the differences, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        document = _read(options["file"])
        try:
            steps = import_document(system("import"), document, is_dry_run=options["dry_run"])
        except Invalid as error:
            raise CommandError(
                "\n".join(f"{options['file']}: {problem}" for problem in error.problems)
            ) from error
        for step in steps:
            if step.outcome == Outcome.UNCHANGED:
                continue
            refusal = f": {step.detail}" if step.outcome == Outcome.REFUSED else ""
            self.stdout.write(f"{_SIGNS[step.outcome]} {step.word} {step.name}{refusal}")
            if step.outcome == Outcome.CHANGED:
                self.stdout.write("".join(f"    {line}\n" for line in step.detail.splitlines()), ending="")
        counts = Counter(step.outcome for step in steps)
        told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
        self.stdout.write(f"{told}{' (dry run: nothing was changed)' if options['dry_run'] else ''}")
        if counts[Outcome.REFUSED]:
            sys.exit(1)


def _read(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        if Path(name).suffix in YAML_SUFFIXES:
            return yaml.safe_load(text)
        return json.loads(text)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise CommandError(f"{name}: can't be read: {line}") from error
