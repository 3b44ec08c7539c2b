"""`manage.py endpoint …`: ingress endpoints from a terminal, as the console has them."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.actor import system
from core.errors import NotFound, ServiceError
from endpoints import services, words
from endpoints.logic import life
from endpoints.models import IngressEndpoint
from endpoints.passwords import generate_password
from policies.models import TrafficPolicy
from rulesets.models import RuleSet

_POLL_SECONDS = 0.1


class Command(BaseCommand):
    help = "List, show, create, close, open, retry and delete ingress endpoints."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)

        def verb(name: str, words_of_help: str) -> CommandParser:
            added = verbs.add_parser(name, help=words_of_help, description=words_of_help)
            added.add_argument("--json", action="store_true", help="as GetIngressPoint of the API answers")
            if name != "list":
                subject = "its name" if name == "create" else "name, ID or ARN"
                added.add_argument("endpoint", metavar="NAME", help=subject)
            if name not in ("list", "show"):
                added.add_argument(
                    "--wait",
                    type=float,
                    default=0,
                    metavar="SECONDS",
                    help="until the status rests; exits with 1 when it does not in time, or is FAILED",
                )
            return added

        verb("list", "One line for each ingress endpoint.")
        verb("show", "What one is set to.")
        create = verb("create", "Create one.")
        create.add_argument("--type", choices=IngressEndpoint.Type.values, default="OPEN")
        create.add_argument("--traffic-policy", required=True, metavar="NAME", help="name or ID")
        create.add_argument("--rule-set", required=True, metavar="NAME", help="name or ID")
        create.add_argument("--tls-policy", choices=IngressEndpoint.TlsPolicy.values)
        create.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the SMTP password of an AUTH endpoint; without it one is made and printed",
        )
        for text, words_of_help in (("ca", "CA certificates"), ("crl", "certificate revocation lists")):
            create.add_argument(
                f"--{text}-file",
                type=Path,
                metavar="FILE",
                help=f"PEM: the {words_of_help} of an MTLS endpoint's trust store",
            )
        verb("close", "Answer every connection with 421.")
        verb("open", "Take mail again.")
        verb("retry", "Provision again what FAILED.")
        verb("delete", "Delete it: its name and address go too.")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except ServiceError as error:
            raise CommandError(str(error)) from error

    # --- verbs ------------------------------------------------------------------------------------

    def _list(self, options: dict[str, Any]) -> None:
        endpoints = IngressEndpoint.objects.prefetch_related("addresses").order_by("name")
        if options["json"]:
            self._print_json([words.api_representation(endpoint) for endpoint in endpoints])
            return
        for endpoint in endpoints:
            fields = (endpoint.name, endpoint.id, endpoint.type, endpoint.status, endpoint.a_record or "-")
            self.stdout.write("\t".join(fields))

    def _show(self, options: dict[str, Any]) -> None:
        self._print(_find(options["endpoint"]), options)

    def _create(self, options: dict[str, Any]) -> None:
        password = None
        if options["type"] == IngressEndpoint.Type.AUTH:
            is_given = options["password_stdin"]
            password = sys.stdin.readline().rstrip("\r\n") if is_given else generate_password()
        endpoint = services.create(
            system("manage.py endpoint"),
            name=options["endpoint"],
            type=options["type"],
            tls_policy=options["tls_policy"],
            traffic_policy_id=_id_of(TrafficPolicy, options["traffic_policy"]),
            rule_set_id=_id_of(RuleSet, options["rule_set"]),
            password=password,
            ca_content=_read(options["ca_file"]),
            crl_content=_read(options["crl_file"]),
        )
        if password and not options["password_stdin"]:
            self.stderr.write(f"SMTP password, shown this once: {password}")
        self._print(self._settled(endpoint, options), options)

    def _close(self, options: dict[str, Any]) -> None:
        self._update(options, status=life.Status.CLOSED.value)

    def _open(self, options: dict[str, Any]) -> None:
        self._update(options, status=life.Status.ACTIVE.value)

    def _update(self, options: dict[str, Any], *, status: str) -> None:
        endpoint = _find(options["endpoint"])
        endpoint = services.update(system("manage.py endpoint"), endpoint.id, status=status)
        self._print(self._settled(endpoint, options), options)

    def _retry(self, options: dict[str, Any]) -> None:
        endpoint = services.retry(system("manage.py endpoint"), _find(options["endpoint"]).id)
        self._print(self._settled(endpoint, options), options)

    def _delete(self, options: dict[str, Any]) -> None:
        endpoint = _find(options["endpoint"])
        services.delete(system("manage.py endpoint"), endpoint.id)

        def is_gone() -> bool:
            return not IngressEndpoint.objects.filter(pk=endpoint.pk).exists()

        if not _wait(is_gone, options["wait"]) and options["wait"]:
            raise CommandError(f"{endpoint.name} is not gone after {options['wait']:g} s")

    # --- output -----------------------------------------------------------------------------------

    def _settled(self, endpoint: IngressEndpoint, options: dict[str, Any]) -> IngressEndpoint:
        def rests() -> bool:
            endpoint.refresh_from_db()
            return endpoint.status not in life.MOVING

        if options["wait"]:
            if not _wait(rests, options["wait"]):
                raise CommandError(f"{endpoint.name} is still {endpoint.status}. {words.reason(endpoint)}")
            if endpoint.status == life.Status.FAILED:
                raise CommandError(f"{endpoint.name} is FAILED. {words.reason(endpoint)}")
        return endpoint

    def _print(self, endpoint: IngressEndpoint, options: dict[str, Any]) -> None:
        document = words.api_representation(endpoint)
        if options["json"]:
            self._print_json(document)
            return
        for name, value in document.items():
            if not isinstance(value, dict):
                self.stdout.write(f"{name}: {value}")
        if reason := words.reason(endpoint):
            self.stdout.write(f"Reason: {reason}")

    def _print_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, indent=2))


def _read(path: Path | None) -> str | None:
    try:
        return path.read_text() if path else None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}") from error


def _find(name_or_id: str) -> IngressEndpoint:
    named = IngressEndpoint.objects.filter(name=name_or_id).first()
    return named or services.get(name_or_id)


def _id_of(model: type[TrafficPolicy] | type[RuleSet], name_or_id: str) -> str:
    named = model._default_manager.filter(name=name_or_id).values_list("id", flat=True).first()
    if named is None and not model._default_manager.filter(pk=name_or_id).exists():
        raise NotFound(f"There is no {model._meta.verbose_name} {name_or_id}.")
    return named or name_or_id


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
