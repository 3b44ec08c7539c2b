"""“Store a new secret”: type, configuration, rotation, review."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.services import actor_of
from console.wizard import HIDDEN_SECRET, Step, WizardView
from core.errors import Invalid
from secrets_store.forms.policy import INSERT, SECRET_INSERTIONS, with_statement
from secrets_store.forms.secrets import ConfigureForm, RotationForm, TypeForm
from secrets_store.forms.value import KEPT, OTHER, PAIRS
from secrets_store.logic.uses import Use
from secrets_store.services import rotation, secrets

TYPE, CONFIGURE, ROTATION = "type", "configure", "rotation"


class StoreSecretView(WizardView):
    key = "store_secret"
    title = gettext_lazy("Store a new secret")
    steps = (
        Step(TYPE, gettext_lazy("Choose secret type"), TypeForm, "secrets_store/steps/secret_type.html"),
        Step(
            CONFIGURE,
            gettext_lazy("Configure secret"),
            ConfigureForm,
            "secrets_store/steps/secret_configure.html",
        ),
        Step(
            ROTATION,
            gettext_lazy("Configure rotation"),
            RotationForm,
            "secrets_store/steps/secret_rotation.html",
            is_optional=True,
        ),
    )
    finish_label = gettext_lazy("Store")
    cancel_url = reverse_lazy("secrets_store:secrets")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get(INSERT):
            return self._insert(request)
        return super().post(request, *args, **kwargs)

    def finish(self, cleaned: Mapping[str, Mapping[str, Any]]) -> HttpResponse:
        actor = actor_of(self.request)
        kind, configured, rotated = cleaned[TYPE], cleaned[CONFIGURE], cleaned[ROTATION]
        secret = secrets.create(
            actor,
            name=configured["name"],
            value=kind["value"],
            key_id=kind["key_id"],
            description=configured["description"],
            policy=configured["policy"],
            tags=configured["tags"],
        )
        if rotated["kind"]:
            rotation.configure(
                actor,
                secret.arn,
                kind=rotated["kind"],
                schedule=rotated["schedule"],
                function=rotated["function"],
            )
        messages.success(self.request, _("%(name)s was stored.") % {"name": secret.name})
        return redirect("secrets_store:secret", secret.pk)

    def form_options(self, step: Step) -> dict[str, Any]:
        if step.key == TYPE:
            use = self.request.GET.get("use", OTHER)
            return {"initial": {"use": use if use in list(Use) else OTHER, "mode": PAIRS}}
        return {}

    def extra_context(self, step: Step | None) -> dict[str, Any]:
        return {
            "nav": "secrets",
            "breadcrumbs": [(_("Secrets"), reverse("secrets_store:secrets")), (self.title, "")],
            "insertions": SECRET_INSERTIONS,
            "check_url": reverse("secrets_store:check_policy"),
        }

    def reviewed_values(self, step: Step, form: Any) -> list[tuple[Any, Any]]:
        values = super().reviewed_values(step, form)
        if step.key != TYPE:
            return values
        pairs = form["pairs"].value() if form["mode"].value() == PAIRS else []
        hidden = {
            form.fields["pairs"].label: ", ".join(f"{key} = {HIDDEN_SECRET}" for key, _value in pairs if key),
            form.fields["text"].label: HIDDEN_SECRET if form["text"].value() else "",
        }
        return [(label, hidden.get(label, value)) for label, value in values]

    def _keep(self, key: str, posted: QueryDict) -> None:
        """Values are not rendered again: where one comes back as the sign that stands for it, or the
        text area empty, what was typed before is meant."""
        former = self._typed().get(key, {})
        if key == TYPE and former:
            posted = posted.copy()
            known = dict(zip(former.get("pairs_key", []), former.get("pairs_value", []), strict=False))
            keys, values = posted.getlist("pairs_key"), posted.getlist("pairs_value")
            kept = [
                known.get(name, "") if value == KEPT else value
                for name, value in zip(keys, values, strict=False)
            ]
            posted.setlist("pairs_value", kept)
            if not posted.get("text") and posted.get("mode") != PAIRS:
                posted.setlist("text", former.get("text", [""]))
        super()._keep(key, posted)

    def _insert(self, request: HttpRequest) -> HttpResponse:
        """Put the statement that a use needs into the policy, and come back to the step as it was."""
        step = self._step(request.POST.get("_step", ""))
        posted = request.POST.copy()
        try:
            use = Use(posted.pop(INSERT)[-1])
            posted["policy"] = with_statement(posted.get("policy", ""), use, is_key=False)
        except (ValueError, Invalid) as error:
            messages.error(request, str(error))
        if step:
            self._keep(step.key, posted)
        return self._to(CONFIGURE)
