"""The rules editor: all rules in words, one of them open as a form, and nothing saved before “Save”.

The page carries the whole draft: `rules` is the JSON of all rules, `open` the index of the one that is
open (empty: none), whose own fields follow: `rule-name`, the attribute editors `conditions` and
`exceptions`, the action editor `actions`. Buttons: `editor` = `rules:add`, `rules:open:N`, `rules:close`,
`rules:remove:N`, `rules:up:N`, `rules:down:N`, and those of the three editors. Closing the open rule
takes it into `rules`; where it has a problem it stays open and says so, with all that was typed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from console.attribute_editor import AttributeEditor, Command
from core.errors import Problem
from rulesets.action_editor import ActionEditor, Choices
from rulesets.logic.check import check_document
from rulesets.properties import properties

Json = dict[str, Any]

MAX_CONDITIONS = 10  # RuleConditions of the service model
_PREFIX = "rules"


class RulesEditor:
    """A draft of a rule set's rules. `max_rules`: as many as may be saved."""

    def __init__(self, choices: Choices, max_rules: int) -> None:
        self.max_rules = max_rules
        self.rules: list[Any] = []
        self.open: int | None = None
        self.name = ""
        self.name_problems: list[str] = []
        self.problems: list[str] = []  # of the rule set as a whole, and of rules that are not open
        known = properties()
        self.conditions = AttributeEditor("conditions", known, max_rows=MAX_CONDITIONS)
        self.exceptions = AttributeEditor(
            "exceptions",
            known,
            max_rows=MAX_CONDITIONS,
            label=_("EXCEPT in the case of:"),
            add_label=_("Add new exception"),
            empty_text=_("No exceptions"),
        )
        self.actions = ActionEditor("actions", choices)

    # --- in -------------------------------------------------------------------------------------

    def show(self, rules: Sequence[Json], open_rule: int | None = None) -> None:
        """Stored rules, the one at `open_rule` open, where there is one."""
        self.rules = list(rules)
        if open_rule is not None and open_rule < len(self.rules):
            self._open(open_rule)

    def read(self, post: Mapping[str, Any]) -> None:
        """What was typed. A draft that can't be read is none."""
        try:
            rules = json.loads(str(post.get("rules") or "[]"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            rules = None
        self.rules = rules if isinstance(rules, list) else []
        open_rule = str(post.get("open", ""))
        if open_rule.isascii() and open_rule.isdigit() and int(open_rule) < len(self.rules):
            self.open = int(open_rule)
            self.name = str(post.get("rule-name", ""))
            for editor in (self.conditions, self.exceptions, self.actions):
                editor.read(post)

    def apply(self, command: Command) -> None:
        """A button. One for a rule that isn't there does nothing."""
        for editor in (self.conditions, self.exceptions, self.actions):
            editor.apply(command)
        if command.prefix != _PREFIX:
            return
        at = command.number
        match command.verb:
            case "add" if self.can_add and self.close():
                self.add()
            case "close":
                self.close()
            case "open" if at is not None and at < len(self.rules) and at != self.open and self.close():
                self._open(at)
            case "remove" if at is not None and at < len(self.rules):
                self._remove(at)
            case "up" if at is not None and 0 < at < len(self.rules):
                self._swap(at - 1, at)
            case "down" if at is not None and at < len(self.rules) - 1:
                self._swap(at, at + 1)

    def add(self) -> None:
        """One more rule at the end, open, with a row for its first action."""
        self.rules.append({"Actions": []})
        self._open(len(self.rules) - 1)
        self.actions.add()

    # --- out ------------------------------------------------------------------------------------

    def close(self) -> bool:
        """Take the open rule into the draft. False, and it stays open, where it has a problem."""
        if self.open is None:
            return True
        rule = self._typed_rule()
        problems = check_document([rule]) if self._is_typed_well else []
        self._place(problems, "Rules[0]")
        if not self._is_typed_well:
            return False
        self.rules[self.open] = rule
        self.open = None
        return True

    def place(self, problems: Iterable[Problem]) -> list[Problem]:
        """Open the first rule that the service refused, with its problems; those beside `Rules` come
        back."""
        problems = list(problems)
        ours = [problem for problem in problems if problem.path.startswith("Rules")]
        for index in range(len(self.rules)):
            path = f"Rules[{index}]"
            if any(_is_within(problem.path, path) for problem in ours) and self._open(index):
                self.conditions.documents()
                self.exceptions.documents()
                self.actions.documents()
                ours = self._place(ours, path)
                break
        self.problems += [str(problem) for problem in ours]
        return [problem for problem in problems if not problem.path.startswith("Rules")]

    @property
    def is_valid(self) -> bool:
        return not self.problems and self._is_typed_well

    @property
    def rules_text(self) -> str:
        return json.dumps(self.rules, ensure_ascii=False)

    @property
    def can_add(self) -> bool:
        return len(self.rules) < self.max_rules

    @property
    def last(self) -> int:
        return len(self.rules) - 1

    @property
    def _is_typed_well(self) -> bool:
        editors = (self.conditions, self.exceptions, self.actions)
        return not self.name_problems and all(editor.is_valid for editor in editors)

    def _typed_rule(self) -> Json:
        self.name_problems = []
        rule: Json = {"Name": self.name.strip()} if self.name.strip() else {}
        for member, editor in (("Conditions", self.conditions), ("Unless", self.exceptions)):
            if documents := editor.documents():
                rule[member] = documents
        rule["Actions"] = self.actions.documents()
        return rule

    def _place(self, problems: Iterable[Problem], path: str) -> list[Problem]:
        """Put what is wrong with the open rule beside its fields; the rest comes back."""
        rest = self.conditions.place(problems, f"{path}.Conditions")
        rest = self.exceptions.place(rest, f"{path}.Unless")
        rest = self.actions.place(rest, f"{path}.Actions")
        self.name_problems += [
            _("A rule's name has at most 32 characters of A-Z, a-z, 0-9, _, . and -.")
            if problem.path == f"{path}.Name"
            else str(problem)
            for problem in rest
            if _is_within(problem.path, path)
        ]
        return [problem for problem in rest if not _is_within(problem.path, path)]

    def _open(self, index: int) -> bool:
        """False for a rule that the form has no fields for."""
        rule = self.rules[index]
        is_new = rule == {"Actions": []}
        if not is_new and check_document([rule]):
            self.problems.append(
                _("Rule %(number)d has something that this form can't show; edit it as JSON.")
                % {"number": index + 1}
            )
            return False
        self.open = index
        self.name = rule.get("Name") or ""
        self.conditions.show(rule.get("Conditions") or ())
        self.exceptions.show(rule.get("Unless") or ())
        self.actions.show(rule["Actions"])
        return True

    def _remove(self, at: int) -> None:
        del self.rules[at]
        if self.open == at:
            self.open = None
        elif self.open is not None and self.open > at:
            self.open -= 1

    def _swap(self, upper: int, lower: int) -> None:
        self.rules[upper], self.rules[lower] = self.rules[lower], self.rules[upper]
        self.open = {upper: lower, lower: upper}.get(self.open, self.open) if self.open is not None else None


def _is_within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
