"""A rule set while it is being made or edited: as a form, or as JSON; what was typed in one is kept in
the other."""

import json
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _

from console import json_source
from console.attribute_editor import Command, command_of
from console.forms import ConsoleForm
from core.errors import Conflict, Invalid, Problem, ServiceError
from resources.versions import newest_version
from rulesets import services
from rulesets.action_editor import Choices
from rulesets.forms import JsonForm, NameForm
from rulesets.logic.check import check_whole
from rulesets.models import RuleSet
from rulesets.rules_editor import RulesEditor

Json = dict[str, Any]

FORM, JSON = "form", "json"
PREFIX = "document"  # of the buttons `document:json` and `document:form`, which go from one to the other


class Draft:
    """What the page shows: `mode`, `form`, and in mode FORM `editor`.

    `rule_set` None: a new one. `based_on` is the version that the draft began with. `wishes` is what to
    ask of the service, None where something typed makes no sense; the reasons then stand beside the
    fields.
    """

    def __init__(self, rule_set: RuleSet | None, choices: Choices) -> None:
        self.rule_set = rule_set
        self.mode = FORM
        self.form: ConsoleForm = NameForm()
        self.editor = RulesEditor(choices, settings.MAX_RULES)
        self.based_on = newest_version(rule_set) if rule_set else 0

    # --- in -------------------------------------------------------------------------------------

    def open(self, mode: str, rule: str = "") -> None:
        """As the page is first asked for; `rule`: the number of the one to open, from 1, or "new"."""
        rules = self.rule_set.rules if self.rule_set else []
        self._show(rules, {"name": self.rule_set.name} if self.rule_set else {}, mode)
        if self.mode == FORM:
            if rule == "new" and self.editor.can_add:
                self.editor.add()
            elif rule.isascii() and rule.isdigit() and len(rule) < 5:
                self.editor.show(rules, int(rule) - 1)

    def read(self, post: QueryDict) -> Command | None:
        """What was typed; the button of an editor that sent it, carried out, or None to save."""
        self.mode = JSON if post.get("as") == JSON else FORM
        self.form = self._form(self.mode, post)
        based_on = post.get("based_on", "")
        if based_on.isascii() and based_on.isdigit() and len(based_on) < 10:
            self.based_on = int(based_on)
        if self.mode == FORM:
            self.editor.read(post)
        command = command_of(post)
        if command is None:
            return None
        if command.prefix == PREFIX and command.verb in (FORM, JSON):
            self._go_over(command.verb)
        else:
            self.editor.apply(command)
            self.form = self._form(self.mode, initial=self._typed())  # says nothing of empty fields yet
        return command

    def _go_over(self, mode: str) -> None:
        self.form.full_clean()
        rules = self._rules()
        if rules is not None:
            self._show(rules, self._typed(), mode)

    def _show(self, rules: list[Any], around: Json, mode: str) -> None:
        self.mode = JSON if mode == JSON else FORM
        if self.mode == JSON:
            text = json.dumps({"Rules": rules}, indent=2, ensure_ascii=False)
            self.form = self._form(JSON, initial={**around, "document": text})
        else:
            self.form = self._form(FORM, initial=around)
            self.editor.show(rules)

    def _form(self, mode: str, post: QueryDict | None = None, *, initial: Json | None = None) -> ConsoleForm:
        form = (JsonForm if mode == JSON else NameForm)(post, initial=initial)
        if self.rule_set:
            del form.fields["tags"]  # they have a page of their own
        return form

    def _typed(self) -> Json:
        return {name: self.form[name].value() for name in self.form.fields}

    # --- out ------------------------------------------------------------------------------------

    def wishes(self) -> Json | None:
        """The parameters of `services.create` and `update`."""
        is_valid = self.form.is_valid()
        rules = self._rules()
        if not is_valid or rules is None:
            return None
        wishes = {"name": self.form.cleaned_data["name"], "rules": rules}
        return wishes | (
            {"based_on": self.based_on} if self.rule_set else {"tags": self.form.cleaned_data["tags"]}
        )

    def _rules(self) -> list[Any] | None:
        """All rules. The form has been cleaned before."""
        if self.mode == FORM:
            return self.editor.rules if self.editor.close() else None
        text = self.form.cleaned_data.get("document")
        if text is None:
            return None
        problems = json_source.check(text, problems_in)
        for problem in problems:
            place = _("Line %(line)d") % {"line": problem.line}
            where = f"{place} · {problem.path}" if problem.path else place
            self.form.add_error("document", f"{where}: {problem.message}")
        if problems:
            return None
        rules: list[Any] = json_source.parse(text).value["Rules"]
        return rules

    def show_error(self, error: ServiceError) -> None:
        """What the service refused, beside what it is about."""
        if isinstance(error, Conflict) and error.path == "based_on" and self.rule_set:
            self.based_on = newest_version(self.rule_set)  # so that saving again replaces it, knowingly
        if isinstance(error, Invalid) and self.mode == FORM:
            rest = self.editor.place(error.problems)
            if not rest:
                return
            error = Invalid(rest)
        self.form.add_service_error(error, {"Rules": "document", "Tags": "tags"})

    @property
    def is_refused(self) -> bool:
        """Whether there is something to correct in the rules."""
        return not self.editor.is_valid


def problems_in(document: Any) -> list[Problem]:
    """What `{"Rules": […]}` lacks to be saved, for JSON editors."""
    return check_whole(document, services.check)
