"""The WriteToS3 action into local buckets."""

import os

import pytest

from destinations import services
from destinations.models import Role, role_arn
from mailflow.actions.contract import Finish
from tests.mailflow.jobs import CONTENT, MESSAGE_ID, job, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    services.ensure_local_role()
    return tmp_path


@pytest.fixture
def bucket(actor, data_dir):
    services.create_bucket(actor, name="kept")
    return data_dir / "buckets" / "kept"


def write(*recipients, **action):
    changes = {name: action.pop(name) for name in ("attempt",) if name in action}
    whole = {"S3Bucket": "kept", "RoleArn": role_arn(Role.LOCAL_NAME), **action}
    return job("WriteToS3", whole, *recipients, **changes)


@pytest.mark.parametrize(
    ("prefix", "directory"),
    [(None, "."), ("mail", "mail"), ("mail/2026/", "mail/2026"), ("//mail//x", "mail/x"), ("...", "...")],
)
def test_the_raw_message_is_the_object(bucket, prefix, directory):
    action = {"S3Prefix": prefix} if prefix else {}
    results = run(write("b@y.example", "c@y.example", **action))
    assert [result.finish for result in results] == [Finish.DONE] * 2
    assert os.listdir(bucket / directory) == [MESSAGE_ID]
    assert (bucket / directory / MESSAGE_ID).read_bytes() == CONTENT


def test_a_second_attempt_writes_over_the_first(bucket):
    run(write(), write(attempt=2))
    assert os.listdir(bucket) == [MESSAGE_ID]


@pytest.mark.parametrize("prefix", ["..", "../other", "mail/../../other", "./mail", "mail/."])
def test_a_prefix_never_leads_out_of_the_bucket(bucket, data_dir, prefix):
    (result,) = run(write(S3Prefix=prefix))
    assert (result.finish, result.status) == (Finish.PERMANENT, "5.3.5")
    assert "leads out of the bucket" in result.words
    assert os.listdir(data_dir) == []


def test_a_link_out_of_the_bucket_is_not_followed(bucket, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    bucket.mkdir(parents=True)
    (bucket / "mail").symlink_to(outside)
    (result,) = run(write(S3Prefix="mail"))
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.3.5")
    assert os.listdir(outside) == []


def test_mail_waits_for_a_bucket_that_is_not_there():
    (result,) = run(write())
    assert (result.finish, result.status) == (Finish.TEMPORARY, "4.3.5")
    assert "no bucket kept" in result.words


def test_a_role_of_another_service_is_refused_in_clear_words(bucket):
    Role.objects.create(name="other")
    (result,) = run(write(RoleArn=role_arn("other")))
    assert (result.finish, result.status) == (Finish.PERMANENT, "5.3.5")
    assert "can't reach yet" in result.words


def test_what_shall_be_encrypted_is_not_stored_in_the_clear(bucket):
    (result,) = run(write(S3SseKmsKeyId="alias/mail"))
    assert (result.finish, result.status) == (Finish.PERMANENT, "5.3.5")
    assert not bucket.exists()
