"""The work of an import job: batch after batch into the list, each in a transaction that also says how
far the file is done, so that whoever comes after a crash goes on from there.

A job in PROCESSING belongs to who leased it. A worker gives it back after a while, so that others get
their turn; one that died loses it when the lease runs out, and the sweep has another go on.
"""

import time
from collections.abc import Iterator
from datetime import timedelta

import structlog
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from access.actor import system
from access.services import audit
from addresslists.logic.import_files import Entries, MalformedFileError, Reader, reader_of
from addresslists.logic.members import member_of
from addresslists.models import ImportChunk, ImportJob, RefusedEntry
from addresslists.services import members
from core.errors import NotFound, QuotaExceeded

log = structlog.get_logger()

LEASE = timedelta(seconds=60)
SLICE_SECONDS = 30.0
_PAUSE_SECONDS = 0.01  # between batches: SQLite has one writer at a time, and others wait
_ABANDONED_AFTER = timedelta(days=7)  # a job that nobody started

Status = ImportJob.Status


class _LostError(Exception):
    """The job was stopped, deleted, or is another worker's now."""


def run(job_id: str, seconds: float = SLICE_SECONDS) -> bool:
    """Work on the job for as long; whether there is more to do. Safe to call at any time, by anybody."""
    job = _lease(job_id)
    if job is None:
        _clean_up(job_id)
        return False
    ends_at = time.monotonic() + seconds
    try:
        reader = _reader(job)
        while True:
            if _take_batch(job, reader):
                _finish(job, Status.COMPLETED)
                return False
            if time.monotonic() > ends_at:
                ImportJob.objects.filter(pk=job.pk, leased_until=job.leased_until).update(leased_until=None)
                return True
            time.sleep(_PAUSE_SECONDS)
    except (MalformedFileError, QuotaExceeded) as error:
        _finish(job, Status.FAILED, str(error))
    except (_LostError, NotFound):
        _clean_up(job_id)
    return False


def waiting() -> list[str]:
    """IDs of jobs that nobody works on and somebody should. Those never started are ended."""
    abandoned = ImportJob.objects.filter(
        status=Status.CREATED, created_at__lt=timezone.now() - _ABANDONED_AFTER
    )
    abandoned.update(status=Status.FAILED, error="was never started", completed_at=timezone.now())
    left = models.Q(status=Status.PROCESSING) | (
        ~models.Q(status=Status.CREATED)
        & models.Exists(ImportChunk.objects.filter(job=models.OuterRef("pk")))
    )
    return list(ImportJob.objects.filter(left & _is_free()).values_list("pk", flat=True))


def _is_free() -> models.Q:
    return models.Q(leased_until=None) | models.Q(leased_until__lt=timezone.now())


def _lease(job_id: str) -> ImportJob | None:
    until = timezone.now() + LEASE
    claimed = ImportJob.objects.filter(_is_free(), pk=job_id, status=Status.PROCESSING)
    if not claimed.update(leased_until=until):
        return None
    return ImportJob.objects.select_related("list").get(pk=job_id)


def _reader(job: ImportJob) -> Reader:
    head = next(_pieces(job, 0), b"")
    return reader_of(job.kind, head, _pieces(job, job.position), job.position, job.number)


def _pieces(job: ImportJob, position: int) -> Iterator[bytes]:
    number, start = divmod(position, ImportChunk.SIZE_BYTES)
    while True:
        chunks = ImportChunk.objects.filter(job=job, upload=job.upload, number=number)
        content = chunks.values_list("content", flat=True).first()
        if content is None:
            return
        yield bytes(content)[start:]
        number, start = number + 1, 0


def _take_batch(job: ImportJob, reader: Reader) -> bool:
    """Whether it was the last."""
    entries = reader.read(members.BATCH)
    taken = _members_in(entries)
    until = timezone.now() + LEASE
    with transaction.atomic():
        added = members.insert(job.list_id, taken) if taken else 0
        room = max(RefusedEntry.MAX_KEPT - job.failed_count, 0)
        RefusedEntry.objects.bulk_create(
            [
                RefusedEntry(job=job, number=number, text=text[:200], reason=reason[:255])
                for number, text, reason in sorted(entries.refused)[:room]
            ]
        )
        mine = ImportJob.objects.filter(
            pk=job.pk, status=Status.PROCESSING, leased_until=job.leased_until, position=job.position
        )
        if not mine.update(
            position=entries.position,
            number=entries.number,
            imported_count=F("imported_count") + len(taken),
            added_count=F("added_count") + added,
            failed_count=F("failed_count") + len(entries.refused),
            leased_until=until,
        ):
            raise _LostError
    job.refresh_from_db()
    return entries.is_end


def _members_in(entries: Entries) -> list[str]:
    taken = []
    for number, text in entries.texts:
        try:
            taken.append(member_of(text))
        except ValueError as error:
            entries.refused.append((number, text, str(error)))
    return taken


def _finish(job: ImportJob, status: Status, error: str = "") -> None:
    """The members hold before it says so."""
    if job.added_count:
        members.publish(job.list_id)
    with transaction.atomic():
        mine = ImportJob.objects.filter(pk=job.pk, status=Status.PROCESSING)
        if mine.update(status=status, error=error, completed_at=timezone.now(), leased_until=None):
            audit(
                system("import"),
                "addresslists.import",
                job.list.arn,
                name=job.list.name,
                job=job.id,
                added=job.added_count,
                refused=job.failed_count,
            )
    log.info("import_ended", job=job.id, status=status.value, added=job.added_count, error=error)
    _clean_up(job.id)


def _clean_up(job_id: str) -> None:
    """Of a job that is over: the file goes; what a stopped one added holds. One that isn't is left alone."""
    job = ImportJob.objects.filter(pk=job_id).exclude(status__in=[Status.CREATED, Status.PROCESSING]).first()
    if job is None or not job.chunks.exists():
        return
    if job.status == Status.STOPPED and job.added_count:
        members.publish(job.list_id)
    job.chunks.all().delete()
