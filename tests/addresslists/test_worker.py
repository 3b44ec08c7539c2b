"""An import as a worker of the product does it."""

import pytest

from addresslists.reading import get
from addresslists.services import imports, lists
from tests.servers.process import wait_until


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
