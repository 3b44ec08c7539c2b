"""Signing in and out, and one's own password."""

from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash, views
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from access import services
from access.doors import page
from access.forms import PasswordForm, SignInForm
from access.models import User


class SignIn(views.LoginView):
    template_name = "access/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOut(views.LogoutView):
    next_page = "access:sign_in"


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Django's admin has no sign-in page of its own: strangers take ours, who is no administrator may not."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", "/admin/"))


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None = None, credentials: Any = None, **_more: Any
) -> HttpResponse:
    """What axes answers while a name is locked for an address."""
    context = {"unlocked_at": _unlocked_at(request)}
    return render(request, "access/locked_out.html", context, status=429)


def _unlocked_at(request: HttpRequest) -> datetime:
    name = request.POST.get("username", "")
    latest = (
        AccessAttempt.objects.filter(username=name, ip_address=request.META.get("REMOTE_ADDR"))
        .order_by("-attempt_time")
        .values_list("attempt_time", flat=True)
        .first()
    )
    return (latest or timezone.now()) + settings.AXES_COOLOFF_TIME


@page()
def password(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # the door saw to it
    form = PasswordForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = services.change_own_password(services.actor_of(request), form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)  # this browser stays signed in, others don't
        messages.success(request, _("Your password was changed."))
        return redirect("dashboard")
    context = {"form": form, "breadcrumbs": [(_("Change password"), "")]}
    return render(request, "access/password.html", context)
