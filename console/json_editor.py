"""The server's side of the JSON editor: what is wrong with the text, by line, as one types."""

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console import json_source
from core.errors import Problem


def check_response(
    request: HttpRequest, problems_in: Callable[[Any], Iterable[Problem]], *, field: str
) -> HttpResponse:
    """The fragment with the problems of `request.POST[field]`; the view behind `check_url` returns it."""
    text = request.POST.get(field, "")
    problems = json_source.check(text, problems_in)
    return render(request, "console/_json_problems.html", {"problems": problems})
