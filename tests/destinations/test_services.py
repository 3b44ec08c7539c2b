"""The verbs of mailboxes, buckets and roles."""

import os
from pathlib import Path

import pytest

from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound
from destinations import services
from destinations.models import Bucket, Mailbox, Role, role_arn
from resources.services import configuration_version, tags_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def put(directory: Path, name: str = "1.M1.mailmanager", content: bytes = b"12345") -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(content)


def test_a_maildir_mailbox_is_made_with_tags_audit_and_a_new_configuration(actor):
    before = configuration_version()
    mailbox = services.create_mailbox(actor, name="alice@example.com", tags={"team": "mail"})
    assert mailbox.id.startswith("mb-")
    assert tags_of(mailbox.arn) == {"team": "mail"}
    assert configuration_version() == before + 1
    assert AuditEntry.objects.get().action == "destinations.create_mailbox"


def test_a_mailbox_is_found_by_name_and_by_its_own_arn_only(actor):
    mailbox = services.create_mailbox(actor, name="alice")
    assert services.find_mailbox("alice") == services.find_mailbox(mailbox.arn) == mailbox
    for other in ("bob", mailbox.id, mailbox.arn.replace("mailbox/", "mailmanager-smtp-relay/"), ""):
        with pytest.raises(NotFound):
            services.find_mailbox(other)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".alice", "a/b", "../alice", "a..b", "a\0b", "a b", "a:b", "a\nb", "ä", "x" * 101],
)
def test_names_that_are_no_safe_file_names_are_refused(actor, name):
    with pytest.raises(Invalid) as refused:
        services.create_mailbox(actor, name=name)
    assert [problem.path for problem in refused.value.problems] == ["name"]
    with pytest.raises(Invalid):
        services.create_bucket(actor, name=name)
    assert not Mailbox.objects.exists()
    assert not Bucket.objects.exists()


@pytest.mark.parametrize("name", ["alice", "ALICE"])
def test_a_taken_name_conflicts_whatever_its_case(actor, name):
    services.create_mailbox(actor, name="alice")
    with pytest.raises(Conflict) as refused:
        services.create_mailbox(actor, name=name)
    assert refused.value.path == "name"


def test_an_lmtp_mailbox_has_a_server(actor):
    mailbox = services.create_mailbox(
        actor, name="alice", kind="LMTP", lmtp_host="IMAP.example.com", lmtp_port=24
    )
    assert (mailbox.lmtp_host, mailbox.lmtp_port) == ("imap.example.com", 24)
    services.update_mailbox(actor, mailbox.id, lmtp_port=2424)
    mailbox.refresh_from_db()
    assert mailbox.lmtp_port == 2424


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"kind": "MBOX"}, ["kind"]),
        ({"kind": "LMTP"}, ["lmtp_host", "lmtp_port"]),
        ({"kind": "LMTP", "lmtp_host": "imap.example.com", "lmtp_port": 25}, ["lmtp_port"]),
        ({"kind": "LMTP", "lmtp_host": "imap.example.com", "lmtp_port": 70000}, ["lmtp_port"]),
        ({"lmtp_host": "imap.example.com"}, ["lmtp_host"]),
    ],
)
def test_what_is_wrong_is_said_beside_its_parameter(actor, changes, paths):
    with pytest.raises(Invalid) as refused:
        services.create_mailbox(actor, name="alice", **changes)
    assert [problem.path for problem in refused.value.problems] == paths


def test_messages_are_counted_where_a_maildir_has_them(actor, data_dir):
    mailbox = services.create_mailbox(actor, name="alice")
    assert services.fill_of_mailbox(mailbox).count == 0
    maildir = data_dir / "mailboxes" / "alice"
    put(maildir / "new")
    put(maildir / "cur")
    put(maildir / "tmp")
    put(maildir, "dovecot-uidlist")
    fill = services.fill_of_mailbox(mailbox)
    assert (fill.count, fill.size_bytes, fill.is_complete) == (2, 10, True)


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_with_messages_goes_only_when_they_shall_go_too(actor, data_dir):
    mailbox = services.create_mailbox(actor, name="alice")
    maildir = data_dir / "mailboxes" / "alice"
    put(maildir / "new")
    with pytest.raises(Conflict, match="1 messages"):
        services.delete_mailbox(actor, mailbox.id)
    assert (maildir / "new" / "1.M1.mailmanager").exists()
    services.delete_mailbox(actor, mailbox.id, with_messages=True)
    assert not Mailbox.objects.exists()
    assert list((data_dir / "mailboxes").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_deleting_never_follows_a_link_out_of_the_data_directory(actor, data_dir, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    put(outside, "precious")
    services.create_bucket(actor, name="kept")
    (data_dir / "buckets" / "kept").mkdir(parents=True)
    (data_dir / "buckets" / "kept" / "link").symlink_to(outside)
    services.delete_bucket(actor, "kept", with_objects=True)
    assert not (data_dir / "buckets" / "kept").exists()
    assert (outside / "precious").exists()


def test_files_that_were_left_over_are_never_adopted(actor, data_dir):
    put(data_dir / "mailboxes" / "alice" / "new")
    put(data_dir / "buckets" / "kept")
    with pytest.raises(Conflict, match="still in the data directory"):
        services.create_mailbox(actor, name="alice")
    with pytest.raises(Conflict, match="still in the data directory"):
        services.create_bucket(actor, name="kept")


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "-kept", "kept.", "x" * 63])
def test_names_of_buckets_are_s3s(actor, name):
    with pytest.raises(Invalid):
        services.create_bucket(actor, name=name)


def test_a_bucket_is_made_found_and_deleted(actor):
    bucket = services.create_bucket(actor, name="kept.mail-1", tags={"team": "mail"})
    assert bucket.arn == "arn:aws:s3:::kept.mail-1"
    assert services.find_bucket("kept.mail-1") == bucket
    with pytest.raises(Conflict):
        services.create_bucket(actor, name="kept.mail-1")
    services.delete_bucket(actor, "kept.mail-1")
    assert tags_of("arn:aws:s3:::kept.mail-1") == {}
    with pytest.raises(NotFound):
        services.find_bucket("kept.mail-1")


@pytest.mark.django_db(transaction=True)
def test_a_bucket_with_objects_goes_only_when_they_shall_go_too(actor, data_dir):
    bucket = services.create_bucket(actor, name="kept")
    put(data_dir / "buckets" / "kept" / "2026" / "mail")
    put(data_dir / "buckets" / "kept", ".draft")
    assert services.fill_of_bucket(bucket).count == 1
    with pytest.raises(Conflict, match="1 objects"):
        services.delete_bucket(actor, "kept")
    services.delete_bucket(actor, "kept", with_objects=True)
    assert os.listdir(data_dir / "buckets") == []


def test_the_local_role_is_made_once_and_found_by_its_own_arn_only():
    assert services.ensure_local_role() == services.ensure_local_role()
    arn = role_arn(Role.LOCAL_NAME)
    assert services.find_role(arn).is_local
    for other in (Role.LOCAL_NAME, arn.replace("123456789012", "210987654321"), role_arn("other")):
        with pytest.raises(NotFound):
            services.find_role(other)


def test_who_may_only_read_changes_nothing(actor, viewer):
    mailbox = services.create_mailbox(actor, name="alice")
    services.create_bucket(actor, name="kept")
    for verb in (
        lambda: services.create_mailbox(viewer, name="bob"),
        lambda: services.update_mailbox(viewer, mailbox.id, tags={}),
        lambda: services.delete_mailbox(viewer, mailbox.id),
        lambda: services.create_bucket(viewer, name="other"),
        lambda: services.delete_bucket(viewer, "kept"),
    ):
        with pytest.raises(Forbidden):
            verb()
    assert (Mailbox.objects.count(), Bucket.objects.count()) == (1, 1)
