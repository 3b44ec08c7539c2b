"""The attribute editor: a list of conditions as rows of property, operator and values in a form.

It knows no room. A room describes its properties in a table (console/conditions.py), gives the editor
a prefix, and gets condition documents of the service model back:

    PROPERTIES = (
        Property("RECIPIENT", _("Recipient address"), "StringExpression", STRING_OPERATORS, ValueKind.TEXTS),
        Property("TLS", _("TLS"), "BooleanExpression", BOOLEAN_OPERATORS, ValueKind.NOTHING),
        Property("X", _("X- header"), "StringExpression", STRING_OPERATORS, ValueKind.HEADER,
                 asks="MimeHeaderAttribute"),
    )

View, GET:   editor = AttributeEditor("conditions", PROPERTIES, max_rows=10)
             editor.show(documents)                      # rows of what is stored
View, POST:  editor.read(request.POST)                   # rows of what was typed
             if command := command_of(request.POST):     # a button of an editor, not the form's own
                 editor.apply(command)                   # a command for another prefix does nothing
                 return render(…)                        # 200: the whole page again, nothing saved
             documents = editor.documents()              # [] entries for rows with a problem are left out
             if editor.is_valid: service(…, documents)
             except Invalid as error:
                 rest = editor.place(error.problems, "Rules[2].Conditions")   # those beside no row
Template:    <c-attribute-editor :editor="editor" />     # inside the form; csrf and the rest are the form's
Words:       in_words(PROPERTIES, documents)             # for <c-condition-words :conditions="…" />

Fields (stable; N counts from 0, gaps are fine): `<prefix>-N-property`, `-operator`, `-values` (text list:
one a line; choice: its value; address list: its ARN; size: as people write it), `-header` (name of an
X- header), `-raw` (the JSON of a condition that the table doesn't know, kept as it is). Buttons: `editor` =
`<prefix>:add`, `<prefix>:remove:N`, `<prefix>:refresh`; other parts of a form (statements, rules, actions)
may use `editor` in the same way with prefixes and verbs of their own.

Without JavaScript each button submits the form to its own page, and the view answers with the page as
it was typed. With htmx the same request is made and only the editor (`#<prefix>-editor`) is put in
place, so there is no second door. The Enter key presses a form's first submit button: the page puts
`<c-default-submit />` first in its form, else Enter in any field would remove the first condition.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from console.conditions import LISTS, Property, Text, ValueKind
from core.errors import Problem
from core.units import format_size_exactly, parse_size

Json = dict[str, Any]

_MAX_TEXT_ROWS = 12
_MAX_SHOWN_PROBLEMS = 5


@dataclass(slots=True)
class Row:
    """One condition as it stands in the form. `values` as typed; `raw`: of a kind the table lacks."""

    prefix: str  # of its fields: `conditions-0`
    number: int
    asked: Property | None = None
    operator: str = ""
    values: str = ""
    header: str = ""
    raw: str = ""
    problems: list[str] = field(default_factory=list)
    is_focused: bool = False

    @property
    def value_lines(self) -> list[str]:
        keeps_spaces = self.asked is not None and self.asked.keeps_spaces
        lines = re.split(r"\r\n|\r|\n", self.values)
        return [line if keeps_spaces else line.strip() for line in lines if line.strip()]

    @property
    def value_rows(self) -> int:
        """Height of the text area."""
        return min(max(len(self.value_lines) + 1, 2), _MAX_TEXT_ROWS)

    @property
    def shown_problems(self) -> list[str]:
        left = len(self.problems) - _MAX_SHOWN_PROBLEMS
        if left <= 0:
            return self.problems
        return [*self.problems[:_MAX_SHOWN_PROBLEMS], _("… and %(number)d more.") % {"number": left}]

    def document(self) -> Json | None:
        """The condition, or None with the reason in `problems`."""
        self.problems.clear()
        if self.asked is None:
            return self._raw_document()
        name = self.asked.key
        if self.operator not in self.asked.operators:
            self.problems.append(_("Choose an operator."))
        if self.asked.kind is ValueKind.HEADER:
            name = self.header.strip()
            if not name:
                self.problems.append(_("Write the header's name, like X-Spam-Flag."))
        value = self._value()
        if self.problems:
            return None
        evaluate: Json = {self.asked.asks: name}
        if self.asked.kind is ValueKind.ADDRESS_LIST:
            evaluate = {"IsInAddressList": {"Attribute": self.asked.asks, "AddressLists": [self.values]}}
        return {self.asked.expression: {"Evaluate": evaluate, "Operator": self.operator, **value}}

    def _value(self) -> Json:
        assert self.asked is not None
        match self.asked.kind:
            case ValueKind.NOTHING:
                return {}
            case ValueKind.CHOICE:
                if self.values not in self.asked.choices:
                    self.problems.append(_("Choose a value."))
                return {"Value": self.values}
            case ValueKind.ADDRESS_LIST:
                if self.values not in self.asked.choices:
                    self.problems.append(_("Choose an address list."))
                return {}
            case ValueKind.SIZE:
                try:
                    return {"Value": parse_size(self.values)}
                except ValueError:
                    self.problems.append(_("Write a size like 25 MB, 512 KB or 26214400."))
                    return {}
        if not self.value_lines:
            self.problems.append(_("Enter at least one value."))
        return {"Values": self.value_lines}

    def _raw_document(self) -> Json | None:
        try:
            condition = json.loads(self.raw)
        except (ValueError, RecursionError):
            condition = None
        if not isinstance(condition, dict):
            self.problems.append(_("Choose a property."))
            return None
        return condition


@dataclass(frozen=True, slots=True)
class Command:
    """A press on a button of an editor: `conditions:remove:3`."""

    prefix: str
    verb: str
    number: int | None = None


_COMMAND = re.compile(r"(?P<prefix>[\w-]{1,80}):(?P<verb>[a-z_]{1,20})(?::(?P<number>\d{1,6}))?", re.ASCII)


def command_of(post: Mapping[str, Any]) -> Command | None:
    """Which editor button sent the form; None for the form's own submit."""
    match = _COMMAND.fullmatch(str(post.get("editor", "")))
    if match is None:
        return None
    return Command(match["prefix"], match["verb"], int(match["number"]) if match["number"] else None)


class AttributeEditor:
    """The rows of one list of conditions. `max_rows` None: as many as fit into a form."""

    def __init__(
        self,
        prefix: str,
        properties: Sequence[Property],
        *,
        max_rows: int | None = None,
        label: Text = "",
        add_label: Text = "",
        empty_text: Text = "",
    ) -> None:
        self.prefix = prefix
        self.properties = properties
        self.max_rows = max_rows
        self.label = label or _("Conditions")
        self.add_label = add_label or _("Add new condition")
        self.empty_text = empty_text or _("No conditions")
        self.rows: list[Row] = []
        self.problems: list[str] = []  # of the list as a whole
        self.is_add_focused = False
        self._by_key = {known.key: known for known in properties}
        self._shown: list[Row] = []  # the row of each document that `documents` gave out

    # --- in -------------------------------------------------------------------------------------

    def show(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Rows of stored conditions."""
        self.rows = [self._row_of(number, document) for number, document in enumerate(documents)]

    def read(self, post: Mapping[str, Any]) -> None:
        """Rows of what was typed, in the order of their numbers. Nothing in `post` is an error here."""
        name = re.compile(rf"{re.escape(self.prefix)}-(\d{{1,6}})-(?:property|raw)", re.ASCII)
        numbers = {int(match[1]) for key in post if (match := name.fullmatch(key))}
        self.rows = []
        for place, number in enumerate(sorted(numbers)):
            typed = partial(_typed, post, f"{self.prefix}-{number}")
            row = Row(f"{self.prefix}-{place}", place, self._by_key.get(typed("property")), typed("operator"))
            row.values, row.header, row.raw = typed("values"), typed("header"), typed("raw")
            self.rows.append(row)

    def add(self) -> Row:
        """One more row, with the first property chosen so that its controls are there at once."""
        row = Row(f"{self.prefix}-{len(self.rows)}", len(self.rows), self.properties[0])
        self.rows.append(row)
        return row

    def apply(self, command: Command) -> None:
        if command.prefix != self.prefix:
            return
        if command.verb == "add" and self.can_add:
            self.add().is_focused = True
        elif command.verb == "remove":
            self.rows = [row for row in self.rows if row.number != command.number]
            self.is_add_focused = True
            self.move_to(self.prefix)

    def move_to(self, prefix: str) -> None:
        """Name the fields anew, where what the editor belongs to has moved."""
        self.prefix = prefix
        for number, row in enumerate(self.rows):
            row.prefix, row.number = f"{prefix}-{number}", number

    # --- out ------------------------------------------------------------------------------------

    def documents(self) -> list[Json]:
        """The conditions of all rows that make one; why others don't is in their `problems`."""
        made = [(row, row.document()) for row in self.rows]
        self._shown = [row for row, document in made if document is not None]
        return [document for _row, document in made if document is not None]

    def place(self, problems: Iterable[Problem], path: str) -> list[Problem]:
        """Put each problem at or below `path` (of the list in the document) beside its row, or beside
        the list; the others come back. Paths count the entries that `documents` gave last."""
        inside = re.compile(rf"{re.escape(path)}\[(\d{{1,6}})\]([.\[].*)?")
        values = [row.value_lines for row in self._shown]
        rest = []
        for problem in problems:
            match = inside.fullmatch(problem.path)
            if problem.path == path:
                self.problems.append(problem.message)
            elif match and int(match[1]) < len(self._shown):
                place = int(match[1])
                self._shown[place].problems.append(_sentence(problem, values[place]))
            else:
                rest.append(problem)
        return rest

    @property
    def is_valid(self) -> bool:
        return not self.problems and not any(row.problems for row in self.rows)

    @property
    def can_add(self) -> bool:
        return self.max_rows is None or len(self.rows) < self.max_rows

    @property
    def room_left(self) -> int | None:
        return None if self.max_rows is None else max(self.max_rows - len(self.rows), 0)

    def _row_of(self, number: int, document: Mapping[str, Any]) -> Row:
        prefix = f"{self.prefix}-{number}"
        known = next((known for known in self.properties if known.matches(document)), None)
        if known is None:
            return Row(prefix, number, raw=json.dumps(document, ensure_ascii=False, indent=2))
        expression = document[known.expression]
        row = Row(prefix, number, known, expression["Operator"])
        if known.kind in LISTS:
            row.values = "\n".join(expression["Values"])
        elif known.kind is ValueKind.SIZE:
            row.values = format_size_exactly(int(expression["Value"]))
        elif known.kind is ValueKind.CHOICE:
            row.values = expression["Value"]
        elif known.kind is ValueKind.ADDRESS_LIST:
            row.values = known.list_in(document)
        if known.kind is ValueKind.HEADER:
            row.header = expression["Evaluate"][known.asks]
        return row


def _typed(post: Mapping[str, Any], prefix: str, part: str) -> str:
    return str(post.get(f"{prefix}-{part}", ""))


def _sentence(problem: Problem, values: Sequence[str]) -> str:
    """The message, with the value that it is about before it where it doesn't name it itself."""
    match = re.search(r"\.Values\[(\d{1,6})\]$", problem.path)
    if match and int(match[1]) < len(values):
        value = values[int(match[1])]
        if value not in problem.message:
            return f"“{value[:60]}” {problem.message}"
    return problem.message
