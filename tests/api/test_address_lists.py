"""boto3, unmodified, for address lists: members, and files that are imported by a pre-signed URL."""

import http.client
import re
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from addresslists import importing
from addresslists.models import AddressList, ImportChunk, ImportJob
from api import presigned
from tests.api.documents import policy_of

CSV = b"address\n" + b"".join(b"user%d@example.com\n" % number for number in range(120)) + b"nobody\n"


@pytest.fixture
def mm(client):
    return client("mailmanager")


@pytest.fixture
def list_id(mm):
    return mm.create_address_list(AddressListName="blocked")["AddressListId"]


def error_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    return caught.value.response["Error"]


def code_of(call, **input):
    return error_of(call, **input)["Code"]


def put(url, content):
    request = urllib.request.Request(url, data=content, method="PUT")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        with error:
            (code,) = re.findall("<Code>(.*)</Code>", error.read().decode())
            return error.code, code


def test_a_list_is_made_read_listed_tagged_and_deleted(mm):
    tags = [{"Key": "team", "Value": "mail"}]
    list_id = mm.create_address_list(AddressListName="blocked", Tags=tags)["AddressListId"]
    got = mm.get_address_list(AddressListId=list_id)
    assert got["AddressListName"] == "blocked"
    assert got["AddressListArn"].endswith(f":mailmanager-address-list/{list_id}")
    assert got["CreatedTimestamp"] <= got["LastUpdatedTimestamp"]
    assert mm.list_tags_for_resource(ResourceArn=got["AddressListArn"])["Tags"] == tags
    (row,) = mm.list_address_lists()["AddressLists"]
    assert row["AddressListId"] == list_id
    assert code_of(mm.create_address_list, AddressListName="blocked") == "ConflictException"
    assert code_of(mm.create_address_list, AddressListName="two words") == "ValidationException"
    mm.delete_address_list(AddressListId=list_id)
    mm.delete_address_list(AddressListId=list_id)  # what is gone is gone
    assert code_of(mm.get_address_list, AddressListId=list_id) == "ResourceNotFoundException"


def test_a_list_in_use_is_not_deleted(mm, list_id):
    arn = mm.get_address_list(AddressListId=list_id)["AddressListArn"]
    condition = {
        "BooleanExpression": {
            "Evaluate": {"IsInAddressList": {"Attribute": "RECIPIENT", "AddressLists": [arn]}},
            "Operator": "IS_TRUE",
        }
    }
    policy_of(mm, "user", PolicyStatements=[{"Action": "DENY", "Conditions": [condition]}])
    error = error_of(mm.delete_address_list, AddressListId=list_id)
    assert error["Code"] == "ConflictException"
    assert "user" in error["Message"]


def test_members_come_and_go(mm, list_id):
    mm.register_member_to_address_list(AddressListId=list_id, Address="Ann@Example.com")
    got = mm.get_member_of_address_list(AddressListId=list_id, Address="ANN@example.com")
    assert got["Address"] == "ann@example.com"
    assert got["CreatedTimestamp"].tzinfo is not None
    again = {"AddressListId": list_id, "Address": "ann@example.com"}
    assert code_of(mm.register_member_to_address_list, **again) == "ConflictException"
    error = error_of(mm.register_member_to_address_list, AddressListId=list_id, Address="nobody")
    assert error["Code"] == "ValidationException"
    assert "'address'" in error["Message"]
    mm.deregister_member_from_address_list(**again)
    assert code_of(mm.deregister_member_from_address_list, **again) == "ResourceNotFoundException"
    assert code_of(mm.get_member_of_address_list, **again) == "ResourceNotFoundException"
    unknown = {"AddressListId": "al-nothing", "Address": "ann@example.com"}
    for call in (
        mm.register_member_to_address_list,
        mm.deregister_member_from_address_list,
        mm.get_member_of_address_list,
    ):
        assert code_of(call, **unknown) == "ResourceNotFoundException"


def test_members_are_listed_page_by_page_and_by_their_beginning(mm, list_id):
    for name in ("b", "a", "c", "ab"):
        mm.register_member_to_address_list(AddressListId=list_id, Address=f"{name}@example.com")
    pages = mm.get_paginator("list_members_of_address_list").paginate(
        AddressListId=list_id, PaginationConfig={"PageSize": 3}
    )
    listed = [[row["Address"] for row in page["Addresses"]] for page in pages]
    assert listed == [["a@example.com", "ab@example.com", "b@example.com"], ["c@example.com"]]
    found = mm.list_members_of_address_list(AddressListId=list_id, Filter={"AddressPrefix": "A"})
    assert [row["Address"] for row in found["Addresses"]] == ["a@example.com", "ab@example.com"]
    assert code_of(mm.list_members_of_address_list, AddressListId="al-nothing") == "ResourceNotFoundException"


@pytest.fixture
def job(mm, list_id):
    made = mm.create_address_list_import_job(
        AddressListId=list_id, Name="may", ImportDataFormat={"ImportDataType": "CSV"}
    )
    return made["JobId"], made["PreSignedUrl"]


def test_a_file_is_put_to_the_url_and_imported(mm, list_id, job, live_server):
    job_id, url = job
    assert url.startswith(live_server.url)
    got = mm.get_address_list_import_job(JobId=job_id)
    assert (got["Status"], got["Name"], got["AddressListId"]) == ("CREATED", "may", list_id)
    assert "ImportedItemsCount" not in got
    assert put(url, CSV) == (200, "")
    mm.start_address_list_import_job(JobId=job_id)
    assert mm.get_address_list_import_job(JobId=job_id)["Status"] == "PROCESSING"
    importing.run(job_id)
    got = mm.get_address_list_import_job(JobId=job_id)
    assert (got["Status"], got["ImportedItemsCount"], got["FailedItemsCount"]) == ("COMPLETED", 120, 1)
    assert got["StartTimestamp"] <= got["CompletedTimestamp"]
    assert "Error" not in got
    assert AddressList.objects.get().member_count == 120
    (row,) = mm.list_address_list_import_jobs(AddressListId=list_id)["ImportJobs"]
    assert (row["JobId"], row["Status"]) == (job_id, "COMPLETED")
    assert put(url, CSV) == (409, "OperationAborted")
    assert code_of(mm.stop_address_list_import_job, JobId=job_id) == "ConflictException"


def test_a_job_is_started_with_a_file_and_can_be_stopped(mm, list_id, job):
    job_id, _url = job
    assert code_of(mm.start_address_list_import_job, JobId=job_id) == "ConflictException"
    mm.stop_address_list_import_job(JobId=job_id)
    assert mm.get_address_list_import_job(JobId=job_id)["Status"] == "STOPPED"
    for call in (
        mm.start_address_list_import_job,
        mm.stop_address_list_import_job,
        mm.get_address_list_import_job,
    ):
        assert code_of(call, JobId="job-nothing") == "ResourceNotFoundException"
    assert (
        code_of(mm.list_address_list_import_jobs, AddressListId="al-nothing") == "ResourceNotFoundException"
    )


def test_only_a_url_of_ours_takes_a_file(job, mm, list_id, settings):
    job_id, url = job
    other = mm.create_address_list_import_job(
        AddressListId=list_id, Name="june", ImportDataFormat={"ImportDataType": "JSON"}
    )["JobId"]
    for wrong in (
        url.replace(job_id, other),
        url.replace("Expires=", "Expires=1"),
        url.replace("Expires=", "Expires=x"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
    ):
        assert put(wrong, CSV) == (403, "AccessDenied")
    settings.MAX_IMPORT_BYTES = 100
    assert put(url, CSV) == (400, "EntityTooLarge")
    ImportJob.objects.all().delete()
    assert put(url, CSV) == (404, "NoSuchKey")
    assert not ImportChunk.objects.exists()


def test_a_url_expires():
    now = datetime(2026, 5, 1, tzinfo=UTC)
    query = dict(
        part.split("=")
        for part in urlsplit(presigned.presigned_url("http://x", "job-1", now)).query.split("&")
    )
    asked = ("job-1", query["Expires"], query["Signature"])
    assert presigned.is_signed(*asked, now + presigned.VALID_FOR - timedelta(seconds=1))
    assert not presigned.is_signed(*asked, now + presigned.VALID_FOR)


def test_a_file_that_ends_before_its_end_is_none(job, live_server):
    _job_id, url = job
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"address\na@b.example\n")
    connection.close()
    deadline = time.monotonic() + 20
    while ImportChunk.objects.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ImportJob.objects.get().upload == ""


def test_a_viewer_reads_and_changes_nothing(client, viewer_key, list_id):
    viewer = client("mailmanager", viewer_key)
    assert viewer.get_address_list(AddressListId=list_id)["AddressListName"] == "blocked"
    for call, input in (
        (viewer.create_address_list, {"AddressListName": "mine"}),
        (viewer.delete_address_list, {"AddressListId": list_id}),
        (viewer.register_member_to_address_list, {"AddressListId": list_id, "Address": "a@b.example"}),
        (
            viewer.create_address_list_import_job,
            {"AddressListId": list_id, "Name": "may", "ImportDataFormat": {"ImportDataType": "CSV"}},
        ),
    ):
        assert code_of(call, **input) == "AccessDeniedException"
