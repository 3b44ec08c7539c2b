"""Editing the policy of a secret or a key; inserting statements; the check as one types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from access.doors import page
from console import json_editor
from core.errors import Invalid
from secrets_store.forms.policy import (
    INSERT,
    Insertion,
    OptionalPolicyForm,
    PolicyForm,
    policy_problems,
    with_statement,
)
from secrets_store.logic.uses import Use


@page()
def check_policy(request: HttpRequest) -> HttpResponse:
    return json_editor.check_response(request, policy_problems, field="policy")


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """`save` gets the document (None: remove it). `is_key`: which statements are inserted."""

    title: str | Promise
    name: str
    policy: Any
    save: Callable[[Any], None]
    back_url: str
    insertions: Sequence[Insertion]
    is_key: bool
    breadcrumbs: Sequence[tuple[str, str]]
    nav: str


def edit_policy(request: HttpRequest, wish: PolicyPage) -> HttpResponse:
    form_class = PolicyForm if wish.is_key else OptionalPolicyForm
    posted = request.POST.copy() if request.method == "POST" else None
    inserted = posted.pop(INSERT, None) if posted is not None else None
    if posted is not None and inserted:
        try:
            posted["policy"] = with_statement(posted.get("policy", ""), Use(inserted[-1]), is_key=wish.is_key)
        except (ValueError, Invalid) as error:
            messages.error(request, str(error))
    form = form_class(posted, initial={"policy": wish.policy})
    if posted is not None and not inserted and form.is_valid():
        try:
            wish.save(form.cleaned_data["policy"])
        except Invalid as error:
            form.add_service_error(error, {"": "policy"})
        else:
            messages.success(request, _("The policy was saved."))
            return redirect(wish.back_url)
    context = {
        "form": form,
        "page": wish,
        "check_url": reverse("secrets_store:check_policy"),
        "breadcrumbs": wish.breadcrumbs,
        "nav": wish.nav,
    }
    return render(request, "secrets_store/policy.html", context)
