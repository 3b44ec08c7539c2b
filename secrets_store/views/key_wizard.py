"""“Create key”: configure, labels, administrators, users, policy, review."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.services import actor_of
from console.wizard import Step, WizardView
from core.errors import Invalid
from secrets_store.forms.keys import AdministratorsForm, ConfigureForm, LabelsForm, UsersForm
from secrets_store.forms.policy import INSERT, KEY_INSERTIONS, PolicyForm, with_statement, written
from secrets_store.logic import uses
from secrets_store.logic.uses import Use
from secrets_store.services import keys

LABELS, ADMINISTRATORS, USERS, POLICY = "labels", "administrators", "users", "policy"


class CreateKeyView(WizardView):
    key = "create_key"
    title = gettext_lazy("Create key")
    steps = (
        Step(
            "configure",
            gettext_lazy("Configure key"),
            ConfigureForm,
            "secrets_store/steps/key_configure.html",
        ),
        Step(LABELS, gettext_lazy("Add labels"), LabelsForm),
        Step(ADMINISTRATORS, gettext_lazy("Define key administrators"), AdministratorsForm, is_optional=True),
        Step(USERS, gettext_lazy("Define key users"), UsersForm, is_optional=True),
        Step(POLICY, gettext_lazy("Edit key policy"), PolicyForm, "secrets_store/steps/key_policy.html"),
    )
    finish_label = gettext_lazy("Finish")
    cancel_url = reverse_lazy("secrets_store:keys")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get(INSERT):
            return self._insert(request)
        return super().post(request, *args, **kwargs)

    def finish(self, cleaned: Mapping[str, Mapping[str, Any]]) -> HttpResponse:
        labels = cleaned[LABELS]
        key = keys.create(
            actor_of(self.request),
            alias=labels["alias"],
            description=labels["description"],
            tags=labels["tags"],
            policy=cleaned[POLICY]["policy"],
        )
        messages.success(self.request, _("%(name)s was created.") % {"name": key.name})
        return redirect("secrets_store:key", key.pk)

    def form_options(self, step: Step) -> dict[str, Any]:
        return {"initial": {"policy": self._proposed_policy()}} if step.key == POLICY else {}

    def extra_context(self, step: Step | None) -> dict[str, Any]:
        return {
            "nav": "keys",
            "breadcrumbs": [(_("Encryption keys"), reverse("secrets_store:keys")), (self.title, "")],
            "insertions": KEY_INSERTIONS,
            "check_url": reverse("secrets_store:check_policy"),
        }

    def _proposed_policy(self) -> str:
        """What the steps before make up."""
        typed = self._typed()
        return written(
            uses.key_policy(
                account=settings.ACCOUNT_ID,
                administrators=typed.get(ADMINISTRATORS, {}).get("people", []),
                users=typed.get(USERS, {}).get("people", []),
            )
        )

    def _insert(self, request: HttpRequest) -> HttpResponse:
        """Put the statement that a use needs into the policy, and come back to the step as it was."""
        posted = request.POST.copy()
        try:
            use = Use(posted.pop(INSERT)[-1])
            posted["policy"] = with_statement(posted.get("policy", ""), use, is_key=True)
        except (ValueError, Invalid) as error:
            messages.error(request, str(error))
        self._keep(POLICY, posted)
        return self._to(POLICY)
