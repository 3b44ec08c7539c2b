"""Preferences of the reader, and pages for what went wrong."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import loader
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console import preferences


@require_http_methods(["GET", "HEAD", "POST"])
def preferences_page(request: HttpRequest) -> HttpResponse:
    """Language, theme and time zone; anybody's, signed in or not."""
    if request.method == "POST":
        return _save(request)
    context = {
        "zone_names": preferences.zone_names(),
        "way_back": _way_back(request),
        "breadcrumbs": [(_("Settings"), "")],
    }
    return render(request, "console/preferences.html", context)


def _save(request: HttpRequest) -> HttpResponse:
    """Take language, theme and time zone, as far as given, and go back to where the reader was."""
    response = redirect(_way_back(request))
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, language)
    theme = request.POST.get("theme", "")
    if theme in preferences.THEMES:
        _remember(response, preferences.THEME_COOKIE, theme)
    zone = request.POST.get("time_zone")
    if zone in preferences.zone_names() or zone == "UTC":
        _remember(response, preferences.ZONE_COOKIE, zone)
    elif zone == "":  # the browser's again
        response.delete_cookie(preferences.ZONE_COOKIE)
    return response


def _remember(response: HttpResponse, cookie: str, value: str) -> None:
    response.set_cookie(
        cookie,
        value,
        max_age=preferences.COOKIE_SECONDS,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _way_back(request: HttpRequest) -> str:
    """`next`, where it lies on this site."""
    target = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours else "/"


# --- errors ---------------------------------------------------------------------------------------


def _error_page(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    return render(request, f"errors/{status.value}.html", status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error_page(request, HTTPStatus.BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error_page(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error_page(request, HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Needs neither database nor session: they may be what failed."""
    return HttpResponse(loader.render_to_string("errors/500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "errors/csrf.html", status=HTTPStatus.FORBIDDEN)
