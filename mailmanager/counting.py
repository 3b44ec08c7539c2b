"""What web and Celery processes tell the metrics of themselves."""

from collections.abc import Callable
from typing import Any

from celery.signals import after_task_publish, task_postrun
from django.http import HttpRequest, HttpResponse

from metrics.registry import HTTP_REQUESTS, TASKS, TASKS_SENT

GetResponse = Callable[[HttpRequest], HttpResponse]


class CountingMiddleware:
    """Counts each request by the view that answered; `none` where no address of ours was meant. Views
    have fixed names, so that strangers can't make labels."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        match = request.resolver_match
        HTTP_REQUESTS.labels((match and match.view_name) or "none", str(response.status_code)).inc()
        return response


@after_task_publish.connect
def _count_sent(sender: str, **_arguments: Any) -> None:
    TASKS_SENT.labels(sender).inc()


@task_postrun.connect
def _count_run(task: Any, state: str | None = None, **_arguments: Any) -> None:
    TASKS.labels(task.name, state or "UNKNOWN").inc()
