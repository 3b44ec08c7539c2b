"""The dashboard, and what a load balancer asks."""

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.doors import page
from mailmanager.search import find

MAX_SEARCH_LENGTH = 200


@require_safe
@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "mailmanager/dashboard.html", {"nav": "dashboard"})


@require_safe
@page()
def search(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "")[:MAX_SEARCH_LENGTH].replace("\0", "").strip()
    context = {
        "search_words": words,
        "found": list(find(words)) if words else [],
        "breadcrumbs": [(_("Search"), "")],
    }
    return render(request, "mailmanager/search.html", context)


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 while every database answers, else 503 with the aliases that don't."""
    away = []
    for alias in connections:
        try:
            connections[alias].ensure_connection()
        except DatabaseError:
            away.append(alias)
    return JsonResponse({"databases_away": away}, status=503 if away else 200)
