"""The statements of a policy in a form: each Allow or Deny, with an attribute editor of its conditions.

Fields: `statements-N-action`, conditions `statements-N-conditions-M-…`. Buttons: `editor` =
`statements:add`, `statements:remove:N`, `statements:up:N`, `statements:down:N`, and those of each
statement's conditions (console.attribute_editor).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from console.attribute_editor import AttributeEditor, Command
from core.errors import Problem
from policies.logic.check import Limits
from policies.models import DefaultAction
from policies.properties import properties

PREFIX = "statements"
_ACTION_FIELD = re.compile(rf"{PREFIX}-(\d{{1,6}})-action", re.ASCII)


@dataclass(slots=True)
class StatementRow:
    number: int
    conditions: AttributeEditor
    action: str = DefaultAction.DENY.value
    problems: list[str] = field(default_factory=list)
    is_focused: bool = False

    @property
    def prefix(self) -> str:
        return f"{PREFIX}-{self.number}"


class StatementsEditor:
    actions = DefaultAction.choices

    def __init__(self, limits: Limits) -> None:
        self.rows: list[StatementRow] = []
        self.problems: list[str] = []
        self._limits = limits
        self._properties = properties()

    # --- in -------------------------------------------------------------------------------------

    def show(self, statements: Iterable[Mapping[str, Any]]) -> None:
        """Rows of stored statements."""
        self.rows = []
        for statement in statements:
            row = self._add()
            row.action = statement["Action"]
            row.conditions.show(statement["Conditions"])

    def read(self, post: Mapping[str, Any], command: Command | None = None) -> None:
        """Rows of what was typed, with the press of a button carried out."""
        numbers = {int(match[1]) for key in post if (match := _ACTION_FIELD.fullmatch(key))}
        self.rows = []
        for number in sorted(numbers):
            row = StatementRow(number, self._conditions(number))
            row.action = str(post.get(f"{row.prefix}-action", ""))
            row.conditions.read(post)
            if command:
                row.conditions.apply(command)
            self.rows.append(row)
        if command and command.prefix == PREFIX:
            self._apply(command)
        self._renumber()

    def _apply(self, command: Command) -> None:
        places = {row.number: place for place, row in enumerate(self.rows)}
        place = places.get(-1 if command.number is None else command.number)
        if command.verb == "add" and self.can_add:
            self._add().is_focused = True
        elif place is not None and command.verb == "remove":
            del self.rows[place]
        elif place is not None and command.verb in ("up", "down"):
            row = self.rows.pop(place)
            self.rows.insert(max(place + (1 if command.verb == "down" else -1), 0), row)
            row.is_focused = True

    def _add(self) -> StatementRow:
        """One more, with a condition to fill in. Numbers may collide until `_renumber`."""
        number = len(self.rows)
        row = StatementRow(number, self._conditions(number))
        row.conditions.add()
        self.rows.append(row)
        return row

    def _conditions(self, number: int) -> AttributeEditor:
        prefix = f"{PREFIX}-{number}-conditions"
        return AttributeEditor(prefix, self._properties, max_rows=self._limits.conditions)

    def _renumber(self) -> None:
        for number, row in enumerate(self.rows):
            row.number = number
            row.conditions.move_to(f"{PREFIX}-{number}-conditions")

    # --- out ------------------------------------------------------------------------------------

    def documents(self) -> list[dict[str, Any]]:
        """The statements; why one is not whole stands in its problems."""
        documents = []
        for row in self.rows:
            row.problems.clear()
            if row.action not in DefaultAction.values:
                row.problems.append(_("Choose Allow or Deny."))
            if not row.conditions.rows:
                row.problems.append(_("Add at least one condition, or remove the statement."))
            documents.append({"Action": row.action, "Conditions": row.conditions.documents()})
        return documents

    def place(self, problems: Iterable[Problem], path: str) -> list[Problem]:
        """Put problems of the list at `path` where they belong; the others come back."""
        rest = list(problems)
        for row in self.rows:
            rest = row.conditions.place(rest, f"{path}[{row.number}].Conditions")
        self.problems += [problem.message for problem in rest if problem.path == path]
        return [problem for problem in rest if problem.path != path]

    @property
    def is_valid(self) -> bool:
        return not self.problems and all(not row.problems and row.conditions.is_valid for row in self.rows)

    @property
    def can_add(self) -> bool:
        return self._limits.statements is None or len(self.rows) < self._limits.statements

    @property
    def room_left(self) -> int | None:
        most = self._limits.statements
        return None if most is None else max(most - len(self.rows), 0)
