"""Import jobs: from the file to members that hold, whatever happens on the way."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import AuditEntry
from addresslists import importing, tasks
from addresslists.indexes import Indexes
from addresslists.models import ImportChunk, ImportJob, Member, RefusedEntry
from addresslists.reading import get, read_states
from addresslists.services import imports, lists, members
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_directory(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(importing, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(members, "BATCH", 100)
    monkeypatch.setattr(ImportChunk, "SIZE_BYTES", 1000)


@pytest.fixture
def blocked(actor):
    return lists.create(actor, name="blocked", members=["user1@example.com"])


CSV = "address\n" + "".join(f"user{number}@example.com\n" for number in range(1000))


@pytest.fixture
def started(actor, blocked):
    """`started(content, kind="CSV")`: a job whose file is there and that may be worked on."""

    def start(content=CSV, kind="CSV"):
        job = imports.create(actor, blocked.id, name="may", kind=kind)
        text = content if isinstance(content, bytes) else content.encode()
        imports.store(job.id, [text[at : at + 333] for at in range(0, len(text), 333)])
        return imports.start(actor, job.id)

    return start


def holds(address_list, address):
    indexes = Indexes()
    indexes.refresh(read_states([address_list.id]))
    return indexes.contains(address_list.id, address)


def test_a_file_is_imported_and_its_members_hold(started, blocked):
    job = started(CSV + "nobody\n*.com\nUSER2@example.com\n")
    assert importing.run(job.id) is False
    job = imports.get(job.id)
    assert (job.status, job.error) == ("COMPLETED", "")
    assert (job.imported_count, job.added_count, job.failed_count) == (1001, 999, 2)
    assert get(blocked.id).member_count == Member.objects.count() == 1000
    assert [(entry.number, entry.text) for entry in RefusedEntry.objects.all()] == [
        (1002, "nobody"),
        (1003, "*.com"),
    ]
    assert holds(blocked, "user999@example.com")
    assert not ImportChunk.objects.exists()
    assert job.position == job.size_bytes
    assert AuditEntry.objects.filter(action="addresslists.import", actor="system").count() == 1


def test_a_json_file_is_imported(started, blocked):
    job = started('{"items":[{"address":"j@example.com"},{"address":"abc*@example.org"}]}', "JSON")
    importing.run(job.id)
    assert imports.get(job.id).status == "COMPLETED"
    assert holds(blocked, "abcd@example.org")


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [("email\n", "CSV", "header"), ("{}", "JSON", "must begin"), (b"", "CSV", "header")],
)
def test_a_file_that_is_none_fails_with_a_reason(started, content, kind, error):
    job = started(content, kind)
    importing.run(job.id)
    job = imports.get(job.id)
    assert job.status == "FAILED"
    assert error in job.error


def test_what_was_read_before_a_file_breaks_holds(started, blocked):
    items = ",".join(f'{{"address":"j{number}@example.com"}}' for number in range(300))
    job = started(f'{{"items":[{items}, oh', "JSON")
    importing.run(job.id)
    job = imports.get(job.id)
    assert (job.status, job.error) == ("FAILED", "item 301 is no JSON")
    assert holds(blocked, "j299@example.com") == (job.added_count == 300)
    assert holds(blocked, "j199@example.com")


def test_a_list_that_would_be_too_long_fails_the_import(started, blocked, settings):
    settings.MAX_LIST_MEMBERS = 500
    job = started()
    importing.run(job.id)
    job = imports.get(job.id)
    assert job.status == "FAILED"
    assert "MAILMANAGER_MAX_LIST_MEMBERS" in job.error
    assert get(blocked.id).member_count == Member.objects.count() <= 500
    assert holds(blocked, "user200@example.com")


def test_a_worker_gives_the_job_back_and_another_goes_on(started, blocked):
    job = started()
    turns = 1
    while importing.run(job.id, seconds=0):
        turns += 1
        assert imports.get(job.id).leased_until is None
    assert turns > 5
    assert imports.get(job.id).added_count == 999


def test_a_job_of_a_worker_that_died_is_taken_up_where_it_was(started, monkeypatch):
    job = started()
    batches = []

    def dies(list_id, batch):
        batches.append(batch)
        if len(batches) == 4:
            raise SystemExit
        return insert(list_id, batch)

    insert = members.insert
    with monkeypatch.context() as patched:
        patched.setattr(members, "insert", dies)
        with pytest.raises(SystemExit):
            importing.run(job.id)
    assert importing.waiting() == []
    assert importing.run(job.id) is False  # still the dead one's
    assert imports.get(job.id).added_count == 298
    ImportJob.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert importing.waiting() == [job.id]
    importing.run(job.id)
    job = imports.get(job.id)
    assert (job.status, job.imported_count, job.added_count) == ("COMPLETED", 1000, 999)


def test_who_lost_the_job_writes_nothing_more(started, monkeypatch):
    job = started()

    def loses(list_id, batch):
        ImportJob.objects.update(leased_until=timezone.now() + timedelta(seconds=99))
        return insert(list_id, batch)

    insert = members.insert
    monkeypatch.setattr(members, "insert", loses)
    assert importing.run(job.id) is False
    job = imports.get(job.id)
    assert (job.status, job.imported_count) == ("PROCESSING", 0)


def test_a_job_is_stopped_and_keeps_what_it_has(actor, started, blocked):
    job = started()
    assert importing.run(job.id, seconds=0)
    assert imports.stop(actor, job.id).status == "STOPPED"
    tasks.run_import(job.id)
    assert not ImportChunk.objects.exists()
    assert imports.get(job.id).added_count == 98
    assert holds(blocked, "user50@example.com")
    for verb in (imports.stop, imports.start):
        with pytest.raises(Conflict):
            verb(actor, job.id)


def test_a_job_that_is_stopped_while_it_is_worked_on_stops(actor, started, monkeypatch):
    job = started()

    def stops(reader, limit):
        imports.stop(actor, job.id)
        return read(reader, limit)

    reader = type(importing._reader(job))
    read = reader.read
    monkeypatch.setattr(reader, "read", stops)
    assert importing.run(job.id) is False
    assert imports.get(job.id).status == "STOPPED"
    assert Member.objects.count() == 1
    assert not ImportChunk.objects.exists()


def test_a_file_replaces_the_one_before_until_the_job_is_started(actor, blocked):
    job = imports.create(actor, blocked.id, name="may", kind="CSV")
    with pytest.raises(Conflict, match="no file"):
        imports.start(actor, job.id)
    assert imports.store(job.id, [b"address\n", b"x" * 5000]) == 5008
    assert imports.store(job.id, [b"address\na@b.example\n"]) == 20
    assert ImportChunk.objects.count() == 1
    imports.start(actor, job.id)
    with pytest.raises(Conflict, match="started already"):
        imports.store(job.id, [b"address\n"])
    with pytest.raises(Conflict, match="started already"):
        imports.start(actor, job.id)


def test_nothing_is_left_of_a_file_that_is_too_large_or_ends_early(actor, blocked, settings):
    job = imports.create(actor, blocked.id, name="may", kind="CSV")

    def ends_early():
        yield b"x" * 5000
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        imports.store(job.id, ends_early())
    settings.MAX_IMPORT_BYTES = 4000
    with pytest.raises(QuotaExceeded, match="MAILMANAGER_MAX_IMPORT_BYTES"):
        imports.store(job.id, [b"x" * 3000, b"x" * 3000])
    assert not ImportChunk.objects.exists()


def test_what_is_wrong_with_a_job_is_named_by_its_path(actor, viewer, blocked):
    with pytest.raises(Invalid) as refused:
        imports.create(actor, blocked.id, name="two words", kind="XML")
    assert [problem.path for problem in refused.value.problems] == ["name", "kind"]
    with pytest.raises(NotFound):
        imports.create(actor, "al-nothing", name="may", kind="CSV")
    for verb in (imports.start, imports.stop):
        with pytest.raises(NotFound):
            verb(actor, "job-nothing")
        with pytest.raises(Forbidden):
            verb(viewer, "job-nothing")


def test_a_list_goes_with_its_jobs_and_a_worker_that_finds_it_gone_stops(actor, started, blocked):
    job = started()
    importing.run(job.id, seconds=0)
    lists.delete(actor, blocked.id)
    assert importing.run(job.id) is False
    assert not ImportJob.objects.exists()
    assert not ImportChunk.objects.exists()


def test_only_the_first_refused_entries_are_kept(started, monkeypatch):
    monkeypatch.setattr(RefusedEntry, "MAX_KEPT", 150)
    job = started("address\n" + "nobody\n" * 400)
    importing.run(job.id)
    job = imports.get(job.id)
    assert (job.status, job.failed_count) == ("COMPLETED", 400)
    assert RefusedEntry.objects.count() == 150


def test_jobs_that_nobody_starts_end_after_a_week(actor, blocked):
    job = imports.create(actor, blocked.id, name="may", kind="CSV")
    imports.store(job.id, [b"address\n"])
    assert importing.waiting() == []
    ImportJob.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert importing.waiting() == [job.id]
    tasks.run_import(job.id)
    assert imports.get(job.id).status == "FAILED"
    assert not ImportChunk.objects.exists()
