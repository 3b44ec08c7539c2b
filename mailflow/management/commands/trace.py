"""`manage.py trace ID`, `manage.py trace --recipient bob@example.com`: what became of this mail?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import ServiceError
from mailflow.forms import TraceFilter
from mailflow.management.told import tell_story
from mailflow.models import MessageTrace
from mailflow.stories import story_of

_FILTERS = ("recipient", "sender", "endpoint", "outcome", "since", "until")


class Command(BaseCommand):
    help = "Tell the story of a message, or find messages, the newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message_id", metavar="ID", nargs="?", help="tell this message's story")
        for name in _FILTERS:
            parser.add_argument(f"--{name}", default="")
        parser.add_argument("--limit", type=int, default=20, help="at most so many (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["message_id"]:
            try:
                tell_story(self.stdout, story_of(options["message_id"]), options["message_id"])
            except ServiceError as error:
                raise CommandError(str(error)) from error
            return
        form = TraceFilter({name: options[name] for name in _FILTERS})
        if not form.is_valid():
            problems = [f"--{name}: {error}" for name, errors in form.errors.items() for error in errors]
            raise CommandError("; ".join(map(str, problems)))
        for trace in form.narrow(MessageTrace.objects.order_by("-id"))[: options["limit"]]:
            at = trace.received_at.isoformat(timespec="seconds")
            self.stdout.write(
                f"{trace.id}  {at}  {trace.outcome:<9}  <{trace.reverse_path}>  {trace.subject}".rstrip()
            )
