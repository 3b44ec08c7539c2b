"""Wizards: numbered steps, a review, and what was typed survives going back. Works without JavaScript.

What was typed is kept in the session on the server, encrypted under the secret key, because it may
be a secret: neither a cookie nor the database shows it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cryptography.fernet import InvalidToken
from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from console.forms import ConsoleForm
from console.sealed import box
from core.errors import Conflict, Forbidden, Invalid, ServiceError

Text = str | Promise
REVIEW = "review"
HIDDEN_SECRET = "••••••••"  # noqa: S105 - what stands for one
_PURPOSE = "console.wizard"
_OWN_FIELDS = ("csrfmiddlewaretoken", "_step", "_do", "_go")


@dataclass(frozen=True, slots=True)
class Step:
    """`template`: renders the fields (context: form, step, wizard); the default shows them in order."""

    key: str
    title: Text
    form: type[forms.Form]
    template: str = "console/wizard_step.html"
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class StepLink:
    """A step as the list at the left shows it."""

    key: str
    title: Text
    number: int
    is_current: bool
    is_reachable: bool
    is_optional: bool


@dataclass(frozen=True, slots=True)
class ReviewedStep:
    key: str
    title: Text
    values: list[tuple[Text, Any]]


@dataclass(frozen=True, slots=True)
class WizardPage:
    """What `<c-wizard>` shows."""

    steps: list[StepLink]
    current: str
    title: Text
    form: forms.Form | None
    is_first: bool
    is_last: bool
    finish_label: Text


class WizardView(View):
    """One URL for all steps; POST `_do` (next, previous, cancel) or `_go` (a step's key).

    A subclass gives `key`, `steps`, `title`, `done_url`/`finish`. `finish(data)` gets the cleaned
    values of all steps, {step key: cleaned_data}, calls the service and answers; a ServiceError from
    it brings the reader to the step that a problem's path belongs to. Decorate `as_view()` with
    access.doors.page.
    """

    key: ClassVar[str]
    title: ClassVar[Text]
    steps: ClassVar[Sequence[Step]]
    template_name: ClassVar[str] = "console/wizard.html"
    finish_label: ClassVar[Text] = gettext_lazy("Create")
    cancel_url: ClassVar[Text] = "/"
    # problem path → field, as ConsoleForm.add_service_error takes it
    problem_fields: ClassVar[Mapping[str, str]] = {}

    # --- for subclasses ---------------------------------------------------------------------------

    def finish(self, cleaned: Mapping[str, Mapping[str, Any]]) -> HttpResponse:
        raise NotImplementedError

    def form_options(self, step: Step) -> dict[str, Any]:
        """More keyword arguments for the step's form: initial values, choices."""
        return {}

    def extra_context(self, step: Step | None) -> dict[str, Any]:
        """More names for the page: breadcrumbs, nav. `step` is None on the review."""
        return {}

    def reviewed_values(self, step: Step, form: forms.Form) -> list[tuple[Text, Any]]:
        """What the review says of a step: each field's label and value, secrets hidden."""
        return [
            (field.label or name, _shown(field, form[name].value()))
            for name, field in form.fields.items()
            if not isinstance(field.widget, forms.HiddenInput)
        ]

    # --- requests ---------------------------------------------------------------------------------

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "step" not in request.GET:
            self._forget()  # the wizard's address alone begins anew
        asked = request.GET.get("step", self.steps[0].key)
        return self._show(asked)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        step = self._step(request.POST.get("_step", ""))
        if request.POST.get("_do") == "cancel":
            self._forget()
            return redirect(str(self.cancel_url))
        if step:
            self._keep(step.key, request.POST)
        if target := request.POST.get("_go"):
            return self._to(target)
        if request.POST.get("_do") == "previous":
            return self._to(self._neighbour(step, -1))
        if step is None:
            return self._finish()
        form = self._form(step)
        if not form.is_valid():
            return self._render(step, form)
        return self._to(self._neighbour(step, +1))

    def _to(self, key: str) -> HttpResponse:
        return redirect(f"{self.request.path}?step={key if self._step(key) else REVIEW}")

    def _show(self, asked: str) -> HttpResponse:
        reachable = self._reachable()
        if asked == REVIEW and REVIEW in reachable:
            return self._render(None, None)
        step = self._step(asked if asked in reachable else reachable[-1]) or self.steps[0]
        return self._render(step, self._form(step, check=False))

    def _finish(self) -> HttpResponse:
        bound = {step.key: self._form(step) for step in self.steps}
        for step in self.steps:
            if not bound[step.key].is_valid():
                return self._render(step, bound[step.key])
        try:
            response = self.finish({key: form.cleaned_data for key, form in bound.items()})
        except Forbidden:
            raise
        except ServiceError as error:
            return self._show_refusal(error, bound)
        self._forget()
        return response

    def _show_refusal(self, error: ServiceError, bound: Mapping[str, forms.Form]) -> HttpResponse:
        """The first step that has the field which the refusal blames; the review where none has."""
        paths = [problem.path for problem in error.problems] if isinstance(error, Invalid) else []
        if isinstance(error, Conflict):
            paths = [error.path]
        blamed = {self.problem_fields.get(path, path) for path in paths}
        for step in self.steps:
            form = bound[step.key]
            if isinstance(form, ConsoleForm) and blamed & set(form.fields):
                form.add_service_error(error, self.problem_fields)
                return self._render(step, form)
        return self._render(None, None, refusal=error)

    # --- what is kept -----------------------------------------------------------------------------

    @property
    def _session_key(self) -> str:
        return f"wizard:{self.key}"

    def _typed(self) -> dict[str, dict[str, list[str]]]:
        sealed = self.request.session.get(self._session_key, "")
        try:
            typed: dict[str, dict[str, list[str]]] = json.loads(box(_PURPOSE).decrypt(sealed.encode()))
        except InvalidToken:  # nothing there, or sealed under a former secret key
            return {}
        return typed

    def _keep(self, key: str, posted: QueryDict) -> None:
        values = {name: entries for name, entries in posted.lists() if name not in _OWN_FIELDS}
        typed = {**self._typed(), key: values}
        self.request.session[self._session_key] = box(_PURPOSE).encrypt(json.dumps(typed).encode()).decode()

    def _forget(self) -> None:
        self.request.session.pop(self._session_key, None)

    # --- steps ------------------------------------------------------------------------------------

    def _step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)

    def _neighbour(self, step: Step | None, distance: int) -> str:
        keys = [*(one.key for one in self.steps), REVIEW]
        place = keys.index(step.key if step else REVIEW) + distance
        return keys[max(0, min(place, len(keys) - 1))]

    def _form(self, step: Step, *, check: bool = True) -> forms.Form:
        """The step's form with what was typed. `check`: bound, so that it can say what is wrong."""
        values = self._typed().get(step.key)
        options = self.form_options(step)
        if values is None:
            return step.form(QueryDict() if check else None, **options)
        data = QueryDict(mutable=True)
        for name, entries in values.items():
            data.setlist(name, entries)
        form = step.form(data, **options)
        if not check:
            # Shown again as typed, without complaints: an empty ErrorDict is what a valid form has.
            form.full_clean()
            form.errors.clear()
        return form

    def _reachable(self) -> list[str]:
        """Steps up to the first that isn't right yet; the review when all are."""
        keys = []
        typed = self._typed()
        for step in self.steps:
            keys.append(step.key)
            if step.key not in typed or not self._form(step).is_valid():
                return keys
        return [*keys, REVIEW]

    # --- pages ------------------------------------------------------------------------------------

    def _render(
        self, step: Step | None, form: forms.Form | None, refusal: ServiceError | None = None
    ) -> HttpResponse:
        reachable = self._reachable()
        current = step.key if step else REVIEW
        listed = [*((one.key, one.title, one.is_optional) for one in self.steps)]
        listed.append((REVIEW, _("Review"), False))
        page = WizardPage(
            steps=[
                StepLink(key, title, number, key == current, key in reachable, is_optional)
                for number, (key, title, is_optional) in enumerate(listed, 1)
            ],
            current=current,
            title=step.title if step else _("Review"),
            form=form,
            is_first=bool(step and step.key == self.steps[0].key),
            is_last=step is None,
            finish_label=self.finish_label,
        )
        context = {
            "wizard": page,
            "title": self.title,
            "step": step,
            "form": form,
            "reviewed": [] if step else self._reviewed(),
            "refusal": refusal,
            **self.extra_context(step),
        }
        return render(self.request, self.template_name, context)

    def _reviewed(self) -> list[ReviewedStep]:
        reviewed = []
        for step in self.steps:
            form = self._form(step)
            form.is_valid()
            reviewed.append(ReviewedStep(step.key, step.title, self.reviewed_values(step, form)))
        return reviewed


def _shown(field: forms.Field, value: Any) -> Any:
    if isinstance(field.widget, forms.PasswordInput):
        return HIDDEN_SECRET if value else ""
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices  # typed as all that may be assigned to it
        labels = {str(choice): label for choice, label in choices}
        values = value if isinstance(value, list) else [value]
        return ", ".join(str(labels.get(str(one), one)) for one in values if one not in (None, ""))
    if isinstance(field, forms.BooleanField):
        return _("Yes") if value else _("No")
    if isinstance(value, list):  # tags
        return ", ".join(f"{key} = {text}" for key, text in value if key)
    return value
