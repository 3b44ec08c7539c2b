"""Import jobs: made, given a file, started, stopped. `addresslists.importing` does the work.

CREATED     file stored any number of times; start, stop
PROCESSING  stop; the worker: COMPLETED, FAILED
the rest    for good; the file is gone
"""

from collections.abc import Iterable
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from access.actor import Actor, Permission
from access.services import audit, require
from addresslists import tasks
from addresslists.models import ImportChunk, ImportJob
from addresslists.reading import get as get_list
from core import service_model
from core.errors import Conflict, Invalid, NotFound, Problem, QuotaExceeded
from core.identifiers import new_id, random_text
from core.units import format_size

log = structlog.get_logger()

Status = ImportJob.Status


def get(job_id: str) -> ImportJob:
    """With its list. NotFound where there is none."""
    job = ImportJob.objects.select_related("list").filter(pk=job_id).first()
    if job is None:
        raise _unknown(job_id)
    return job


def create(actor: Actor, list_id: str, *, name: str, kind: str) -> ImportJob:
    """Paths of problems: name, kind."""
    require(actor, Permission.WRITE)
    address_list = get_list(list_id)
    problems = []
    if service_model.problems("JobName", name):
        problems.append(Problem("name", _("A name has 1 to 255 characters of A-Z, a-z, 0-9, _, . and -.")))
    if kind not in ImportJob.Kind:
        problems.append(Problem("kind", _("The format is CSV or JSON.")))
    if problems:
        raise Invalid(problems)
    with transaction.atomic():
        job = ImportJob.objects.create(id=new_id(ImportJob.PREFIX), list=address_list, name=name, kind=kind)
        audit(actor, "addresslists.create_import", address_list.arn, name=address_list.name, job=job.id)
    return job


def store(job_id: str, pieces: Iterable[bytes]) -> int:
    """Make `pieces` the job's file, in place of one before; its size in bytes. Whoever calls has checked
    that the sender may: a signed URL, or a person.

    Conflict where the job was started; QuotaExceeded for a file that is too large. Nothing of a file
    that ends early is left.
    """
    _require_created(get(job_id))
    upload = random_text(32)
    try:
        size_bytes = _store_chunks(job_id, upload, pieces)
        with transaction.atomic():
            claimed = ImportJob.objects.filter(pk=job_id, status=Status.CREATED)
            if not claimed.update(upload=upload, size_bytes=size_bytes):
                _require_created(get(job_id))
            ImportChunk.objects.filter(job=job_id).exclude(upload=upload).delete()
    except BaseException:
        ImportChunk.objects.filter(job=job_id, upload=upload).delete()
        raise
    return size_bytes


def start(actor: Actor, job_id: str) -> ImportJob:
    """Conflict where it has no file yet, or was started before."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        job = get(job_id)
        _require_created(job)
        if not job.upload:
            raise Conflict(_("The import %(name)s has no file yet; upload one first.") % {"name": job.name})
        claimed = ImportJob.objects.filter(pk=job_id, status=Status.CREATED)
        if not claimed.update(status=Status.PROCESSING, started_at=timezone.now()):
            _require_created(get(job_id))
        audit(actor, "addresslists.start_import", job.list.arn, name=job.list.name, job=job.id)
        transaction.on_commit(partial(ask_to_run, job_id))
    return get(job_id)


def stop(actor: Actor, job_id: str) -> ImportJob:
    """What was imported stays. Conflict where it is over."""
    require(actor, Permission.WRITE)
    with transaction.atomic():
        job = get(job_id)
        under_way = ImportJob.objects.filter(pk=job_id, status__in=[Status.CREATED, Status.PROCESSING])
        if not under_way.update(status=Status.STOPPED, completed_at=timezone.now()):
            raise Conflict(_("The import %(name)s is over.") % {"name": job.name})
        audit(actor, "addresslists.stop_import", job.list.arn, name=job.list.name, job=job.id)
        transaction.on_commit(partial(ask_to_run, job_id))  # who lets the file go, and publishes
    return get(job_id)


def ask_to_run(job_id: str) -> None:
    try:
        tasks.run_import.delay(job_id)
    except OperationalError as error:  # the sweep finds it
        log.warning("import_not_sent", job=job_id, error=str(error))


def _store_chunks(job_id: str, upload: str, pieces: Iterable[bytes]) -> int:
    size_bytes, number, rest = 0, 0, bytearray()
    for piece in pieces:
        size_bytes += len(piece)
        if size_bytes > settings.MAX_IMPORT_BYTES:
            raise QuotaExceeded(
                _("A file has at most %(limit)s (MAILMANAGER_MAX_IMPORT_BYTES).")
                % {"limit": format_size(settings.MAX_IMPORT_BYTES)}
            )
        rest += piece
        while len(rest) >= ImportChunk.SIZE_BYTES:
            content = bytes(rest[: ImportChunk.SIZE_BYTES])
            ImportChunk.objects.create(job_id=job_id, upload=upload, number=number, content=content)
            del rest[: ImportChunk.SIZE_BYTES]
            number += 1
    if rest:
        ImportChunk.objects.create(job_id=job_id, upload=upload, number=number, content=bytes(rest))
    return size_bytes


def _require_created(job: ImportJob) -> None:
    if job.status != Status.CREATED:
        raise Conflict(_("The import %(name)s has been started already.") % {"name": job.name})


def _unknown(job_id: str) -> NotFound:
    return NotFound(_("There is no import job %(id)s.") % {"id": job_id})
