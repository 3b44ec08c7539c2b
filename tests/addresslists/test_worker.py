"""An import as a worker of the product does it."""

import pytest
from django.utils import timezone

from addresslists.models import ImportJob
from addresslists.reading import get
from addresslists.services import imports, lists
from tests.servers.process import wait_until
from tests.servers.worker import celery_worker


@pytest.mark.django_db(transaction=True)
def test_a_worker_imports_what_was_started(actor, worker):
    blocked = lists.create(actor, name="blocked")
    job = imports.create(actor, blocked.id, name="may", kind="CSV")
    lines = (f"user{number}@example.com\n".encode() for number in range(20_000))
    imports.store(job.id, [b"address\n", *lines])
    imports.start(actor, job.id)
    wait_until(lambda: not imports.get(job.id).is_moving, "the import is over")
    job = imports.get(job.id)
    assert (job.status, job.added_count) == ("COMPLETED", 20_000)
    assert get(blocked.id).member_count == 20_000


@pytest.mark.django_db(transaction=True)
def test_an_import_goes_on_after_its_worker_was_killed(actor, redis_server, tmp_path):
    count = 100_000
    blocked = lists.create(actor, name="blocked")
    job = imports.create(actor, blocked.id, name="may", kind="CSV")
    lines = (f"user{number}@example.com\n".encode() for number in range(count))
    imports.store(job.id, [b"address\n", *lines])
    imports.start(actor, job.id)
    with celery_worker(log=tmp_path / "first.log") as first:
        wait_until(lambda: imports.get(job.id).position, "the import is under way")
        first.kill()
    left = imports.get(job.id)
    if left.is_moving:  # else the worker was too quick for us
        ImportJob.objects.update(leased_until=timezone.now())  # as a minute later
    with celery_worker(log=tmp_path / "second.log"):  # looks for what was left when it starts
        wait_until(lambda: not imports.get(job.id).is_moving, "the import is over")
    job = imports.get(job.id)
    assert (job.status, job.imported_count, job.added_count) == ("COMPLETED", count, count)
    assert get(blocked.id).member_count == count
