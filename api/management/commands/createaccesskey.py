"""manage.py createaccesskey USER [--json]: a key that signs API requests in a person's name."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.actor import system
from api import access_keys
from core.errors import ServiceError


class Command(BaseCommand):
    help = "Make an access key for USER and print it, this once."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("user")
        parser.add_argument("--json", action="store_true", help="as `aws iam create-access-key` prints it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = access_keys.create(system("createaccesskey"), options["user"])
        except ServiceError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            document = {
                "AccessKey": {
                    "UserName": options["user"],
                    "AccessKeyId": key.access_key_id,
                    "SecretAccessKey": key.secret_access_key,
                }
            }
            self.stdout.write(json.dumps(document, indent=2))
        else:
            self.stdout.write(f"AWS_ACCESS_KEY_ID={key.access_key_id}")
            self.stdout.write(f"AWS_SECRET_ACCESS_KEY={key.secret_access_key}")
