"""Imports: a file that was chosen in a form, how far it is, what was refused."""

import csv
import re
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.actor import Permission
from access.doors import page
from access.services import actor_of
from addresslists import words
from addresslists.forms import UploadForm
from addresslists.models import AddressList, ImportJob
from addresslists.reading import get
from addresslists.services import imports
from addresslists.views.crumbs import NAV, crumbs
from console.listing import Column, Listing
from core.errors import NotFound, ServiceError

SHOWN_JOBS = 10


@page(Permission.WRITE)
@require_POST
def upload(request: HttpRequest, list_id: str) -> HttpResponse:
    address_list = get(list_id)
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        job = import_file(request, address_list, form.cleaned_data["file"])
        if job is not None:
            return redirect("addresslists:import", address_list.id, job.id)
    else:
        messages.error(request, _("Choose a file first."))
    return redirect(reverse("addresslists:detail", args=[address_list.id]) + "#imports")


def import_file(request: HttpRequest, address_list: AddressList, file: UploadedFile) -> ImportJob | None:
    """A job that has the file and is started; None with a message where it is refused."""
    name = str(file.name or "")
    actor = actor_of(request)
    kind = ImportJob.Kind.JSON if name.lower().endswith(".json") else ImportJob.Kind.CSV
    try:
        job = imports.create(
            actor, address_list.id, name=re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:255] or "file", kind=kind
        )
        imports.store(job.id, file.chunks())
        return imports.start(actor, job.id)
    except ServiceError as error:
        messages.error(request, str(error))
        return None


def jobs_of(address_list: AddressList) -> dict[str, Any]:
    """The newest imports of a list, for its page."""
    jobs = list(ImportJob.objects.filter(list=address_list)[:SHOWN_JOBS])
    return {"jobs": [(job, words.IMPORT_LOOKS[job.status]) for job in jobs]}


@page()
@require_safe
def detail(request: HttpRequest, list_id: str, job_id: str) -> HttpResponse:
    """The page, or for htmx its part that changes."""
    job = _job(list_id, job_id)
    seconds = (timezone.now() - job.started_at).total_seconds() if job.started_at else 0.0
    context = {
        "job": job,
        "look": words.IMPORT_LOOKS[job.status],
        "is_over": job.completed_at is not None,
        "note": words.progress_note(job, seconds) if job.is_moving else "",
        "refused": _refused(request, job),
        "nav": NAV,
        "breadcrumbs": crumbs(job.list, last=job.name),
    }
    is_part = getattr(request, "htmx", None) and job.is_moving
    return render(request, "addresslists/_import.html" if is_part else "addresslists/import.html", context)


def _refused(request: HttpRequest, job: ImportJob) -> Listing:
    what = _("Line") if job.kind == ImportJob.Kind.CSV else _("Item")
    return Listing(
        request,
        job.refused.order_by("number"),
        columns=[
            Column("number", what, lambda entry: str(entry.number), is_number=True),
            Column("text", _("What stands there"), lambda entry: entry.text),
            Column("reason", _("Why it was refused"), lambda entry: entry.reason),
        ],
        keyset="number",
        empty_title=_("Nothing was refused"),
        id="refused",
    )


@page(Permission.WRITE)
@require_POST
def stop(request: HttpRequest, list_id: str, job_id: str) -> HttpResponse:
    job = _job(list_id, job_id)
    imports.stop(actor_of(request), job.id)
    messages.success(request, _("The import was stopped. What it has added stays."))
    return redirect("addresslists:import", list_id, job_id)


@page()
@require_safe
def refused(request: HttpRequest, list_id: str, job_id: str) -> HttpResponse | StreamingHttpResponse:
    """Refused entries as a CSV file."""
    job = _job(list_id, job_id)
    response = StreamingHttpResponse(_csv_lines(job), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job.id}-refused.csv"'
    return response


class _Echo:
    def write(self, line: str) -> str:
        return line


def _csv_lines(job: ImportJob) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(["number", "text", "reason"])
    for row in job.refused.order_by("number").values_list("number", "text", "reason").iterator():
        yield writer.writerow([row[0], _harmless(row[1]), row[2]])


def _harmless(text: str) -> str:
    """A text that a spreadsheet would take for a formula is marked as text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _job(list_id: str, job_id: str) -> ImportJob:
    job = imports.get(job_id)
    if job.list_id != get(list_id).id:
        raise NotFound(_("There is no import job %(id)s.") % {"id": job_id})
    return job
