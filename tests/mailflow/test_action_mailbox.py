"""The DeliverToMailbox action: whole files in a Maildir, or each recipient's own reply from LMTP."""

import mailbox as mailbox_module
import os
import stat

import pytest

from destinations import services
from destinations.models import Role, role_arn
from mailflow.actions.contract import Finish
from tests.mailflow.jobs import CONTENT, job, run

pytestmark = pytest.mark.django_db

LOCAL = role_arn(Role.LOCAL_NAME)


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    services.ensure_local_role()
    return tmp_path


@pytest.fixture
def maildir(actor, data_dir):
    services.create_mailbox(actor, name="alice")
    return data_dir / "mailboxes" / "alice"


def deliver(*recipients, name="alice", **changes):
    return job("DeliverToMailbox", {"MailboxArn": name, "RoleArn": LOCAL}, *recipients, **changes)


def test_a_message_is_a_whole_file_in_new(maildir):
    (result,) = run(deliver())
    assert (result.finish, result.words) == (Finish.DONE, "stored in mailbox alice")
    (file,) = (maildir / "new").iterdir()
    assert file.read_bytes() == (
        b"Return-Path: <a@x.example>\nDelivered-To: b@y.example\n" + CONTENT.replace(b"\r\n", b"\n")
    )
    assert list((maildir / "tmp").iterdir()) == []
    assert ":" not in file.name


def test_an_arn_names_a_mailbox_too(maildir):
    (result,) = run(deliver(name=services.find_mailbox("alice").arn))
    assert result.finish is Finish.DONE


def test_ordinary_programs_read_the_maildir(maildir):
    run(deliver("b@y.example", reverse_path=""))
    (message,) = mailbox_module.Maildir(maildir, create=False)
    assert (message["Return-Path"], message["Subject"]) == ("<>", "hello")
    assert message.get_payload() == ".dot\n"


def test_only_the_owner_reads_it(maildir):
    run(deliver())
    for path in (maildir, maildir / "new", maildir / "cur", maildir / "tmp"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    (file,) = (maildir / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_recipient_and_each_action_has_a_file_of_its_own(maildir):
    results = run(deliver("b@y.example", "c@y.example"), deliver("b@y.example", position=1))
    assert [result.finish for result in results] == [Finish.DONE] * 3
    delivered = sorted(file.read_bytes().split(b"\n")[1] for file in (maildir / "new").iterdir())
    assert delivered == [b"Delivered-To: b@y.example"] * 2 + [b"Delivered-To: c@y.example"]


def test_a_second_attempt_writes_over_the_first(maildir):
    run(deliver("b@y.example", "c@y.example"))
    before = sorted(os.listdir(maildir / "new"))
    run(deliver("b@y.example", "c@y.example", attempt=2))
    assert sorted(os.listdir(maildir / "new")) == before


def test_a_fault_half_way_leaves_no_half_file(maildir, monkeypatch):
    run(deliver())
    real = os.fsync

    def failing(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    (result,) = run(deliver(message_id="1" * 40))
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.3.1")
    assert "No space left" in result.words
    assert len(os.listdir(maildir / "new")) == 1
    assert os.listdir(maildir / "tmp") == []


@pytest.mark.parametrize("planted", ["alice", "alice/new"])
def test_a_link_out_of_the_data_directory_is_not_followed(maildir, tmp_path_factory, planted):
    outside = tmp_path_factory.mktemp("outside")
    link = maildir.parent / planted
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    (result,) = run(deliver())
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.3.5")
    assert os.listdir(outside) == []


def test_hostile_paths_add_no_fields(maildir):
    run(deliver("b@y.example\r\nX-Evil: yes", reverse_path="a@x.example>\nX-Evil: <yes"))
    (message,) = mailbox_module.Maildir(maildir, create=False)
    assert message["X-Evil"] is None


@pytest.mark.parametrize("name", ["nobody", "../alice", "/etc", "."])
def test_mail_waits_for_a_mailbox_that_is_not_there(data_dir, name):
    (result,) = run(deliver(name=name))
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.3.5")
    assert f"no mailbox {name}" in result.words
    assert os.listdir(data_dir) == []


def test_the_role_has_to_be_there_and_local(maildir):
    action = {"MailboxArn": "alice", "RoleArn": role_arn("other")}
    (missing,) = run(job("DeliverToMailbox", action))
    assert (missing.finish, missing.status) == (Finish.TEMPORARY, "4.3.5")
    Role.objects.create(name="other")
    (foreign,) = run(job("DeliverToMailbox", action))
    assert (foreign.finish, foreign.status) == (Finish.PERMANENT, "5.3.5")
    assert not maildir.exists()


def test_lmtp_gives_each_recipient_its_own_result(actor, lmtp_peer):
    services.create_mailbox(
        actor, name="team", kind="LMTP", lmtp_host=lmtp_peer.host, lmtp_port=lmtp_peer.port
    )
    lmtp_peer.refuses("c@y.example", "452 4.2.2 Full", after_content=True)
    lmtp_peer.refuses("d@y.example", "550 5.1.1 No such user")
    results = run(deliver("b@y.example", "c@y.example", "d@y.example", name="team"))
    assert [(result.finish, result.status) for result in results] == [
        (Finish.DONE, "2.0.0"),
        (Finish.TEMPORARY, "4.2.2"),
        (Finish.PERMANENT, "5.1.1"),
    ]
    (message,) = lmtp_peer.wait_for(1)
    assert (message.reverse_path, message.content) == ("a@x.example", CONTENT)
