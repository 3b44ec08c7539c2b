"""The dashboard, and what a load balancer asks."""

from django.contrib.auth.decorators import login_required
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "mailmanager/dashboard.html")


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
