"""The dashboard, and what a load balancer asks."""

from datetime import UTC, datetime

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.doors import page
from mailmanager import dashboard as dashboard_rows
from mailmanager.search import find

MAX_SEARCH_LENGTH = 200


@require_safe
@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    bars = dashboard_rows.bars(datetime.now(UTC))
    endpoint_counts = dashboard_rows.endpoint_counts()
    context = {
        "nav": "dashboard",
        "endpoint_counts": endpoint_counts,
        "endpoint_total": sum(count for _look, count in endpoint_counts),
        "endpoints": dashboard_rows.first_endpoints(),
        "without_secret": dashboard_rows.count_without_secret() if endpoint_counts else 0,
        "prerequisites": dashboard_rows.missing_prerequisites() if not endpoint_counts else {},
        "bars": bars,
        "accepted": sum(bar.accepted for bar in bars),
        "refused": sum(bar.refused for bar in bars),
        "spool": dashboard_rows.spool(),
        "messages_shown": dashboard_rows.latest_messages(),
        "refusals": dashboard_rows.latest_refusals(),
    }
    return render(request, "mailmanager/dashboard.html", context)


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
