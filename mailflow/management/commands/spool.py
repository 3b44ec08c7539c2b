"""`manage.py spool list|show|retry|bounce|drop`: mail that is accepted and not yet done with."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.actor import Actor, system
from core.errors import ServiceError
from mailflow import services
from mailflow.management.told import tell_story
from mailflow.models import SpoolMessage
from mailflow.stories import story_of

_VERBS = {"retry": services.retry, "bounce": services.bounce, "drop": services.drop}


class Command(BaseCommand):
    help = "Look after the spool: list what waits, show one message, try again, give up, or discard."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="what is in the spool, the oldest first")
        listing.add_argument("--limit", type=int, default=100, help="at most so many (%(default)s)")
        listing.add_argument("--held", action="store_true", help="only what is held")
        for verb, words in (
            ("show", "one message: its story and what waits"),
            ("retry", "try what waits at once; releases held mail"),
            ("bounce", "give up what is not done, and tell the sender"),
            ("drop", "discard what is not done, without a word to the sender"),
        ):
            one = verbs.add_parser(verb, help=words)
            one.add_argument("message_id", metavar="ID")
            if verb == "drop":
                one.add_argument("--yes", action="store_true", help="needed: the mail is lost then")

    def handle(self, *args: Any, **options: Any) -> None:
        verb: str = options["verb"]
        try:
            if verb == "list":
                self._list(options["limit"], held=options["held"])
            elif verb == "show":
                tell_story(self.stdout, story_of(options["message_id"]), options["message_id"])
            else:
                self._change(verb, options)
        except ServiceError as error:
            raise CommandError(str(error)) from error

    def _change(self, verb: str, options: dict[str, Any]) -> None:
        message_id = options["message_id"]
        if verb == "drop" and not options["yes"]:
            raise CommandError(f"This loses the mail. To discard it: spool drop {message_id} --yes")
        actor: Actor = system("manage.py spool")
        _VERBS[verb](actor, message_id)
        self.stdout.write(f"{message_id}: {verb} done")

    def _list(self, limit: int, *, held: bool) -> None:
        rows = SpoolMessage.objects.order_by("id").defer("envelope")
        rows = rows.exclude(hold_reason="") if held else rows
        shown = list(rows[:limit])
        for row in shown:
            self.stdout.write(f"{row.id}  {row.size_bytes:>10,}  {_state(row)}")
        self.stdout.write(f"{len(shown)} of {rows.count()} messages")


def _state(row: SpoolMessage) -> str:
    now = datetime.now(UTC)
    if row.hold_reason:
        return f"held: {row.hold_reason}"
    if row.leased_until and row.leased_until > now:
        return f"in the hands of {row.lease_owner}"
    if row.next_attempt_at <= now:
        return "due" if row.planned_at else "new"
    return f"waits until {row.next_attempt_at.isoformat(timespec='seconds')}"
