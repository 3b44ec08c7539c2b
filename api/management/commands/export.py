"""manage.py export FILE: all configuration as one document, JSON or YAML by the file's name."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError

from api.configuration.transfer import export_document

YAML_SUFFIXES = {".yaml", ".yml"}


class Command(BaseCommand):
    help = "Write all configuration to FILE. Values of secrets, passwords, people and mail stay here."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="YAML if *.yaml, else JSON; - is standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        file = Path(options["file"])
        document = export_document()
        if file.suffix in YAML_SUFFIXES:
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
        else:
            text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if options["file"] == "-":
            sys.stdout.write(text)
            return
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
