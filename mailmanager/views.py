"""The dashboard, and what a load balancer and Prometheus ask."""

from datetime import UTC, datetime

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from access.doors import page
from mailflow.depth import depth
from mailmanager import dashboard as dashboard_rows
from mailmanager import live as live_numbers
from mailmanager.metrics_answer import answer
from mailmanager.search import find
from metrics.exposition import CONTENT_TYPE, may_read

MAX_SEARCH_LENGTH = 200


@require_safe
@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    now = datetime.now(UTC)
    bars = dashboard_rows.bars(now)
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
        "spool": depth(now),
        "messages_shown": dashboard_rows.latest_messages(),
        "refusals": dashboard_rows.latest_refusals(),
    }
    return render(request, "mailmanager/dashboard.html", context)


@require_safe
@page()
def live(request: HttpRequest) -> HttpResponse:
    now = datetime.now(UTC)
    context = {"nav": "live", "live": live_numbers.look(now), "depth": depth(now)}
    is_fragment = getattr(request, "htmx", False)
    return render(request, f"mailmanager/{'_' if is_fragment else ''}live.html", context)


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


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """This node's, for Prometheus: asked from the machine itself, or with MAILMANAGER_METRICS_TOKEN."""
    if not may_read(request.META):
        return HttpResponse(status=403, content_type="text/plain")
    return HttpResponse(answer(), content_type=CONTENT_TYPE)
