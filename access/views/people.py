"""People: who may sign in, and what they may. Administrators only."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from access import services
from access.actor import Permission
from access.doors import page
from access.forms import NewPasswordForm, NewPersonForm, PersonForm
from access.models import User
from access.services import actor_of
from console.cells import status_cell, time_cell
from console.listing import Column, Listing
from console.status import Look, Tone
from core.errors import Conflict, Invalid

LOOKS = {
    True: Look(gettext_lazy("Active"), "success", Tone.SUCCESS),
    False: Look(gettext_lazy("Deactivated"), "stopped", Tone.STOPPED),
}
NAV = "people"


@page(Permission.ADMINISTER)
def people(request: HttpRequest) -> HttpResponse:
    columns = [
        Column("name", _("User name"), lambda person: person.username, sort="username"),
        Column("role", _("Role"), lambda person: person.get_role_display(), sort="role"),
        Column("status", _("Status"), lambda person: status_cell(LOOKS[person.is_active]), sort="is_active"),
        Column(
            "last_login", _("Last sign-in"), lambda person: time_cell(person.last_login), sort="last_login"
        ),
        Column("joined", _("Created"), lambda person: time_cell(person.date_joined), sort="date_joined"),
    ]
    listing = Listing(
        request,
        User.objects.order_by("username"),
        columns=columns,
        search=["username"],
        search_label=_("Find by name"),
        row_url=lambda person: reverse("access:person", args=[person.pk]),
        empty_title=_("No people"),
    )
    context = {"listing": listing, "nav": NAV, "breadcrumbs": [(_("People"), "")]}
    return render(request, "access/people.html", context)


@page(Permission.ADMINISTER)
def create_person(request: HttpRequest) -> HttpResponse:
    form = NewPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person = services.create_person(actor_of(request), **form.cleaned_data)
        except (Invalid, Conflict) as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("%(name)s can sign in now.") % {"name": person.username})
            return redirect("access:person", person.pk)
    crumbs = [(_("People"), reverse("access:people")), (_("Add person"), "")]
    return render(request, "access/create_person.html", {"form": form, "nav": NAV, "breadcrumbs": crumbs})


@page(Permission.ADMINISTER)
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """One person: role, password, and whether they may sign in."""
    shown = get_object_or_404(User, pk=person_id)
    form = PersonForm(request.POST or None, initial={"role": shown.role})
    if request.method == "POST" and form.is_valid():
        try:
            services.change_role(actor_of(request), shown.pk, form.cleaned_data["role"])
        except (Invalid, Conflict) as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("The role was changed."))
            return redirect("access:person", shown.pk)
    return _show_person(request, shown, form, NewPasswordForm())


@require_POST
@page(Permission.ADMINISTER)
def set_password(request: HttpRequest, person_id: int) -> HttpResponse:
    shown = get_object_or_404(User, pk=person_id)
    form = NewPasswordForm(request.POST)
    if form.is_valid():
        try:
            services.set_password(actor_of(request), shown.pk, form.cleaned_data["password"])
        except Invalid as error:
            form.add_service_error(error)
        else:
            messages.success(request, _("The password was set."))
            return redirect("access:person", shown.pk)
    return _show_person(request, shown, PersonForm(initial={"role": shown.role}), form)


@require_POST
@page(Permission.ADMINISTER)
def switch_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Deactivate who is active, and the other way round, as POST `active` says."""
    try:
        if request.POST.get("active") == "yes":
            services.activate_person(actor_of(request), person_id)
            messages.success(request, _("The person can sign in again."))
        else:
            services.deactivate_person(actor_of(request), person_id)
            messages.success(request, _("The person can't sign in any more."))
    except Conflict as error:
        messages.error(request, str(error))
    return redirect("access:person", person_id)


def _show_person(
    request: HttpRequest, shown: User, form: PersonForm, password_form: NewPasswordForm
) -> HttpResponse:
    context = {
        "person": shown,
        "look": LOOKS[shown.is_active],
        "form": form,
        "password_form": password_form,
        "nav": NAV,
        "breadcrumbs": [(_("People"), reverse("access:people")), (shown.username, "")],
    }
    return render(request, "access/person.html", context)
