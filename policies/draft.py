"""A policy while it is being made or edited: as a form, or as JSON; what was typed in one is kept in
the other."""

import json
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from console import json_source
from console.attribute_editor import Command, command_of
from console.forms import ConsoleForm
from core.errors import Conflict, Invalid, ServiceError
from policies.forms import NameForm, PolicyForm, PolicyJsonForm
from policies.models import DefaultAction, TrafficPolicy
from policies.services import check, limits
from policies.statements_editor import StatementsEditor
from resources.versions import newest_version

Json = dict[str, Any]

FORM, JSON = "form", "json"
PREFIX = "document"  # of the buttons `document:json` and `document:form`, which go from one to the other
_MAX_DIGITS = 10
_NEW_DOCUMENT: Json = {"DefaultAction": DefaultAction.ALLOW.value, "PolicyStatements": []}


class Draft:
    """What the page shows: `mode`, `form`, and in mode FORM `statements`.

    `policy` None: a new one. `based_on`: the version of it that the page was opened with. `wishes` is
    what to ask of the service, None where something typed makes no sense; the reasons then stand
    beside the fields.
    """

    def __init__(self, policy: TrafficPolicy | None) -> None:
        self.policy = policy
        self.mode = FORM
        self.based_on = newest_version(policy) if policy else 0
        self.form: ConsoleForm = NameForm()
        self.statements = StatementsEditor(limits())

    # --- in -------------------------------------------------------------------------------------

    def open(self, mode: str) -> None:
        """As the page is first asked for."""
        document = self.policy.document if self.policy else _NEW_DOCUMENT
        self._show(document, {"name": self.policy.name} if self.policy else {}, mode)

    def read(self, post: QueryDict) -> Command | None:
        """What was typed; the button of an editor that sent it, carried out, or None to save."""
        self.mode = JSON if post.get("as") == JSON else FORM
        if (number := post.get("based_on", "")).isdecimal() and len(number) < _MAX_DIGITS:
            self.based_on = int(number)
        self.form = self._form(self.mode, post)
        command = command_of(post)
        if self.mode == FORM:
            self.statements.read(post, command)
        if command is None:
            return None
        if command.prefix == PREFIX and command.verb in (FORM, JSON):
            self._go_over(command.verb)
        else:
            self.form = self._form(self.mode, initial=self._typed())  # says nothing of empty fields yet
        return command

    def _go_over(self, mode: str) -> None:
        self.form.full_clean()
        document = self._document()
        if document is None:
            return
        self._show(document, self._typed(), mode)

    def _show(self, document: Json, around: Json, mode: str) -> None:
        self.mode = JSON if mode == JSON else FORM
        if self.mode == JSON:
            text = json.dumps(document, indent=2, ensure_ascii=False)
            self.form = self._form(JSON, initial={**around, "document": text})
            return
        head = {
            "default_action": document["DefaultAction"],
            "max_message_size_bytes": document.get("MaxMessageSizeBytes"),
        }
        self.form = self._form(FORM, initial={**around, **head})
        self.statements.show(document.get("PolicyStatements") or [])

    def _form(self, mode: str, post: QueryDict | None = None, *, initial: Json | None = None) -> ConsoleForm:
        form = (PolicyJsonForm if mode == JSON else PolicyForm)(post, initial=initial)
        if self.policy:
            del form.fields["tags"]  # they have a page of their own
        return form

    def _typed(self) -> Json:
        return {name: self.form[name].value() for name in self.form.fields}

    # --- out ------------------------------------------------------------------------------------

    def wishes(self) -> Json | None:
        """The parameters of `services.create` and `update`."""
        is_valid = self.form.is_valid()
        document = self._document()
        if not is_valid or document is None:
            return None
        wishes = {
            "name": self.form.cleaned_data["name"],
            "default_action": document["DefaultAction"],
            "statements": document.get("PolicyStatements") or [],
            "max_message_size_bytes": document.get("MaxMessageSizeBytes"),
        }
        return wishes | (
            {"based_on": self.based_on} if self.policy else {"tags": self.form.cleaned_data["tags"]}
        )

    def _document(self) -> Json | None:
        """The policy's document. The form has been cleaned before."""
        return self._document_of_text() if self.mode == JSON else self._document_of_fields()

    def _document_of_text(self) -> Json | None:
        text = self.form.cleaned_data.get("document")
        if text is None:
            return None
        problems = json_source.check(text, problems_in)
        for problem in problems:
            place = _("Line %(line)d") % {"line": problem.line}
            where = f"{place} · {problem.path}" if problem.path else place
            self.form.add_error("document", f"{where}: {problem.message}")
        return None if problems else json_source.parse(text).value

    def _document_of_fields(self) -> Json | None:
        statements = self.statements.documents()
        head = self.form.cleaned_data
        if not self.statements.is_valid or not {"default_action", "max_message_size_bytes"} <= head.keys():
            return None
        document: Json = {"DefaultAction": head["default_action"], "PolicyStatements": statements}
        if head["max_message_size_bytes"] is not None:
            document["MaxMessageSizeBytes"] = head["max_message_size_bytes"]
        return document

    def show_error(self, error: ServiceError) -> None:
        """What the service refused, beside what it is about."""
        if isinstance(error, Conflict) and error.path == "based_on" and self.policy:
            self.based_on = newest_version(self.policy)  # so that saving again replaces it, knowingly
            self.form.add_error(None, str(error))
            return
        if self.mode == JSON:
            names = ("default_action", "max_message_size_bytes", "PolicyStatements")
            self.form.add_service_error(error, {**dict.fromkeys(names, "document"), "Tags": "tags"})
            return
        if isinstance(error, Invalid):
            rest = self.statements.place(error.problems, "PolicyStatements")
            if not rest:
                return
            error = Invalid(rest)
        self.form.add_service_error(error, {"Tags": "tags"})


def problems_in(document: Any) -> Any:
    """What `document` lacks to be saved, for JSON editors."""
    return check(document)
