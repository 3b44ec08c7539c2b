"""The door in front of every console page: who is signed in, what may they, and how a refusal reads."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, retarget

from access.actor import Permission
from access.services import actor_of, require
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, ServiceError

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

STATUSES: dict[type[ServiceError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    QuotaExceeded: HTTPStatus.CONFLICT,
    Forbidden: HTTPStatus.FORBIDDEN,
}


def page(permission: Permission = Permission.READ) -> Callable[[View[P]], View[P]]:
    """Decorates a view: strangers are sent to sign in, who may not sees a 403 page that says why, and a
    ServiceError that the view doesn't handle becomes a page with its one clear line."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            try:
                require(actor_of(request), permission)
                response: HttpResponseBase = view(request, *args, **kwargs)
            except ServiceError as error:
                response = refusal(request, error)
            patch_vary_headers(response, ["HX-Request"])
            return response

        return guarded

    return decorate


def refusal(request: HttpRequest, error: ServiceError) -> HttpResponse:
    """The page, or for htmx the flash message, that says why a service refused."""
    status = STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
    context: dict[str, Any] = {"error": error, "status": status}
    if getattr(request, "htmx", None):
        # 200: htmx swaps nothing in for an error status.
        return retarget(render(request, "errors/_refusal.html", context), "#flash")
    return render(request, "errors/refusal.html", context, status=status)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", None):
        return HttpResponseClientRedirect(resolve_url("access:sign_in"))
    return redirect_to_login(request.get_full_path())
