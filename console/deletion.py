"""The delete page: says what goes and what uses it, and asks for the name."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.forms import ConsoleForm
from core.errors import Forbidden, NotFound, ServiceError


class DeletionForm(ConsoleForm):
    confirmation = forms.CharField(
        label=gettext_lazy("Name"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, name: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.name = name

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.name:
            raise forms.ValidationError(_("Type the name exactly as it stands above."))
        return typed


def delete_view(
    request: HttpRequest,
    *,
    name: str,
    kind: Any,
    delete: Callable[[], Any],
    list_url: str,
    cancel_url: str = "",
    consequences: Sequence[Any] = (),
    users: Sequence[Any] = (),
    breadcrumbs: Sequence[tuple[Any, str]] = (),
    nav: str = "",
    success: str = "",
) -> HttpResponse:
    """Ask (GET), then call `delete` (POST) and go to `list_url`.

    `kind`: what it is, in words (“traffic policy”). `consequences`: sentences on what goes with it.
    `users`: what uses it ((name, url) pairs, or what has `source_name` and `source_url`): then nothing can be
    deleted and the page says so instead of asking. What `delete` refuses stands above the form.
    """
    form = DeletionForm(name, request.POST if request.method == "POST" else None)
    if request.method == "POST" and not users and form.is_valid():
        try:
            delete()
        except (Forbidden, NotFound):
            raise
        except ServiceError as error:
            form.add_service_error(error, {"name": "confirmation"})
        else:
            messages.success(request, success or _("%(name)s was deleted.") % {"name": name})
            return redirect(list_url)
    context = {
        "form": form,
        "name": name,
        "kind": kind,
        "consequences": consequences,
        "users": list(users),
        "cancel_url": cancel_url or list_url,
        "breadcrumbs": [*breadcrumbs, (_("Delete"), "")],
        "nav": nav,
    }
    return render(request, "console/delete.html", context)
