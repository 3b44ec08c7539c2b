"""The action editor: a list of actions as rows of kind and parameters in a form, in order.

The sibling of console's attribute editor, with the same manners: `show` what is stored, `read` what
was typed, `apply` a button (`actions:add`, `actions:remove:N`, `actions:up:N`, `actions:down:N`,
`actions:refresh`), `documents` of the rows that make one, `place` the problems of the service.
Fields: `<prefix>-N-kind`, `<prefix>-N-<member>`, `-kept` (JSON of members that have no control) and
`-raw` (JSON of an action that has no form, kept as it is).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from console.attribute_editor import Command
from core.errors import Problem
from rulesets.properties import (
    ACTIONS,
    ACTIONS_BY_KIND,
    FAILURE_POLICIES,
    ActionKind,
    Control,
    Parameter,
    Text,
)

Json = dict[str, Any]

MAX_ACTIONS = 10  # RuleActions of the service model


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen now. `relays`: (id, name); `default_role`: the ARN of the local role."""

    relays: Sequence[tuple[str, str]] = ()
    mailboxes: Sequence[str] = ()
    buckets: Sequence[str] = ()
    roles: Sequence[str] = ()
    default_role: str = ""


@dataclass(frozen=True, slots=True)
class ShownParameter:
    """A parameter with what was typed, as the template shows it."""

    parameter: Parameter
    name: str  # of the field
    value: str
    options: Sequence[tuple[str, Text]]
    problems: list[str]


@dataclass(slots=True)
class ActionRow:
    """`typed`: member → text as typed. `kept`: members of the stored document without a control."""

    prefix: str
    number: int
    kind: ActionKind | None = None
    typed: dict[str, str] = field(default_factory=dict)
    kept: Json = field(default_factory=dict)
    raw: str = ""
    problems: list[str] = field(default_factory=list)
    member_problems: dict[str, list[str]] = field(default_factory=dict)
    is_focused: bool = False

    @property
    def kept_text(self) -> str:
        return json.dumps(self.kept) if self.kept else ""

    @property
    def is_valid(self) -> bool:
        return not self.problems and not self.member_problems

    def document(self) -> Json | None:
        """The action, or None with the reasons in `problems` and `member_problems`."""
        self.problems.clear()
        self.member_problems.clear()
        if self.kind is None:
            return self._raw_document()
        values: Json = dict(self.kept)
        for parameter in self.kind.parameters:
            text = self.typed.get(parameter.member, "")
            value = _lines(text) if parameter.control is Control.LINES else text.strip()
            if value:
                values[parameter.member] = value
            elif parameter.is_required:
                self.member_problems[parameter.member] = [_("This is needed.")]
        return {self.kind.kind: values} if self.is_valid else None

    def _raw_document(self) -> Json | None:
        try:
            action = json.loads(self.raw)
        except (ValueError, RecursionError):
            action = None
        if isinstance(action, dict):
            return action
        self.problems.append(_("Choose an action."))
        return None


class ActionEditor:
    """The rows of one rule's actions."""

    def __init__(self, prefix: str, choices: Choices) -> None:
        self.prefix = prefix
        self.choices = choices
        self.kinds = ACTIONS
        self.rows: list[ActionRow] = []
        self.problems: list[str] = []  # of the list as a whole
        self._made: list[ActionRow] = []  # the row of each document that `documents` gave out

    # --- in -------------------------------------------------------------------------------------

    def show(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self.rows = [self._row_of(number, document) for number, document in enumerate(documents)]

    def read(self, post: Mapping[str, Any]) -> None:
        """Rows of what was typed, in the order of their numbers. Nothing in `post` is an error here."""
        name = re.compile(rf"{re.escape(self.prefix)}-(\d{{1,6}})-(?:kind|raw)", re.ASCII)
        numbers = {int(match[1]) for key in post if (match := name.fullmatch(key))}
        self.rows = []
        for place, number in enumerate(sorted(numbers)):
            typed = f"{self.prefix}-{number}"
            kind = ACTIONS_BY_KIND.get(str(post.get(f"{typed}-kind", "")))
            row = ActionRow(f"{self.prefix}-{place}", place, kind, raw=str(post.get(f"{typed}-raw", "")))
            # Of every kind: where the kind was changed, what both take (role, policy) stays.
            for known in ACTIONS:
                for parameter in known.parameters:
                    if (text := post.get(f"{typed}-{parameter.member}")) is not None:
                        row.typed[parameter.member] = str(text)
            row.kept = _kept(str(post.get(f"{typed}-kept", "")), kind)
            self._fill_in(row)
            self.rows.append(row)

    def add(self) -> ActionRow:
        """One more row, with the first kind chosen so that its controls are there at once."""
        row = ActionRow(f"{self.prefix}-{len(self.rows)}", len(self.rows), ACTIONS[0])
        self._fill_in(row)
        self.rows.append(row)
        return row

    def apply(self, command: Command) -> None:
        """A command for another prefix, or for a row that isn't there, does nothing."""
        if command.prefix != self.prefix:
            return
        at, rows = command.number, self.rows
        if command.verb == "add" and self.can_add:
            self.add().is_focused = True
        elif at is not None and at < len(rows):
            match command.verb:
                case "remove":
                    del rows[at]
                case "up" if at > 0:
                    rows[at - 1], rows[at] = rows[at], rows[at - 1]
                case "down" if at < len(rows) - 1:
                    rows[at + 1], rows[at] = rows[at], rows[at + 1]
        for place, row in enumerate(rows):
            row.prefix, row.number = f"{self.prefix}-{place}", place

    # --- out ------------------------------------------------------------------------------------

    def documents(self) -> list[Json]:
        """The actions of all rows that make one; why others don't is in their problems."""
        made = [(row, row.document()) for row in self.rows]
        self._made = [row for row, document in made if document is not None]
        self.problems = [] if self.rows else [_("A rule needs at least one action.")]
        return [document for _row, document in made if document is not None]

    def place(self, problems: Iterable[Problem], path: str) -> list[Problem]:
        """Put each problem at or below `path` beside its parameter, row or list; the others come back."""
        inside = re.compile(rf"{re.escape(path)}\[(\d{{1,6}})\](?:\.\w+)?(?:\.(\w+))?(.*)")
        rest = []
        for problem in problems:
            match = inside.fullmatch(problem.path)
            if problem.path == path:
                self.problems.append(problem.message)
            elif match and int(match[1]) < len(self._made):
                row = self._made[int(match[1])]
                if row.kind and match[2] in {parameter.member for parameter in row.kind.parameters}:
                    row.member_problems.setdefault(match[2], []).append(problem.message)
                else:
                    row.problems.append(problem.message)
            else:
                rest.append(problem)
        return rest

    @property
    def is_valid(self) -> bool:
        return not self.problems and all(row.is_valid for row in self.rows)

    @property
    def can_add(self) -> bool:
        return len(self.rows) < MAX_ACTIONS

    @property
    def shown_rows(self) -> list[tuple[ActionRow, list[ShownParameter]]]:
        return [(row, self._shown(row)) for row in self.rows]

    def _shown(self, row: ActionRow) -> list[ShownParameter]:
        return [
            ShownParameter(
                parameter,
                f"{row.prefix}-{parameter.member}",
                row.typed.get(parameter.member, ""),
                self._options(parameter, row.typed.get(parameter.member, "")),
                row.member_problems.get(parameter.member, []),
            )
            for parameter in (row.kind.parameters if row.kind else ())
        ]

    def _options(self, parameter: Parameter, value: str) -> Sequence[tuple[str, Text]]:
        match parameter.control:
            case Control.RELAY:
                known = list(self.choices.relays)
                # An ARN, or a relay that is gone: what is stored stays until another is chosen.
                is_offered = not value or value in dict(known)
                return known if is_offered else [(value, value), *known]
            case Control.POLICY:
                return list(FAILURE_POLICIES.items())
            case Control.MAILBOX:
                return [(name, name) for name in self.choices.mailboxes]
            case Control.BUCKET:
                return [(name, name) for name in self.choices.buckets]
            case Control.ROLE:
                return [(arn, arn) for arn in self.choices.roles]
        return ()

    def _fill_in(self, row: ActionRow) -> None:
        """The local role where none was typed yet."""
        for parameter in row.kind.parameters if row.kind else ():
            if parameter.control is Control.ROLE:
                row.typed.setdefault(parameter.member, self.choices.default_role)

    def _row_of(self, number: int, document: Mapping[str, Any]) -> ActionRow:
        row = ActionRow(f"{self.prefix}-{number}", number)
        kind, values = next(iter(document.items()), ("", None))
        known = ACTIONS_BY_KIND.get(kind) if len(document) == 1 else None
        if known is None or not isinstance(values, dict):
            row.raw = json.dumps(document, ensure_ascii=False, indent=2)
            return row
        row.kind = known
        controls = {parameter.member: parameter.control for parameter in known.parameters}
        for member, value in values.items():
            # CONTINUE is what is meant by nothing too: it has no option of its own, and stays.
            if member not in controls or (controls[member] is Control.POLICY and value == "CONTINUE"):
                row.kept[member] = value
            else:
                row.typed[member] = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        return row


def _lines(text: str) -> list[str]:
    return [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]


# Members without a control, by the kind that has them; ActionFailurePolicy has one, but for CONTINUE.
_KEPT_MEMBERS = {
    "Relay": {"MailFrom", "ActionFailurePolicy"},
    "DeliverToMailbox": {"ActionFailurePolicy"},
    "WriteToS3": {"S3SseKmsKeyId", "ActionFailurePolicy"},
}


def _kept(text: str, kind: ActionKind | None) -> Json:
    """What came with the stored action; only what the kind that is chosen now takes."""
    try:
        kept = json.loads(text or "{}")
    except (ValueError, RecursionError):
        kept = None
    if kind is None or not isinstance(kept, dict):
        return {}
    allowed = _KEPT_MEMBERS.get(kind.kind, set())
    return {member: value for member, value in kept.items() if member in allowed}
