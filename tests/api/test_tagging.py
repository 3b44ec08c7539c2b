"""boto3, unmodified, for resourcegroupstaggingapi."""

import pytest
from botocore.exceptions import ClientError

from tests.api.documents import policy_of, relay_of


@pytest.fixture
def tagging(client):
    return client("resourcegroupstaggingapi")


@pytest.fixture
def tagged(client):
    """Two policies, a relay, a secret and a key, with tags; and a policy without."""
    mm = client("mailmanager")
    policy_of(mm, "none")
    policy_of(mm, "one", Tags=[{"Key": "team", "Value": "mail"}, {"Key": "stage", "Value": "test"}])
    policy_of(mm, "two", Tags=[{"Key": "team", "Value": "web"}])
    relay_of(mm, Tags=[{"Key": "team", "Value": "mail"}])
    client("secretsmanager").create_secret(Name="s", Tags=[{"Key": "team", "Value": "mail"}])
    client("kms").create_key(Tags=[{"TagKey": "stage", "TagValue": "test"}])


POLICY, RELAY = "mailmanager-traffic-policy/", "mailmanager-smtp-relay/"


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, ["kms:", "secretsmanager:", POLICY, POLICY, RELAY]),
        ({"TagFilters": [{"Key": "team"}]}, ["secretsmanager:", POLICY, POLICY, RELAY]),
        ({"TagFilters": [{"Key": "team", "Values": ["mail"]}]}, ["secretsmanager:", POLICY, RELAY]),
        ({"TagFilters": [{"Key": "team", "Values": ["mail", "web"]}, {"Key": "stage"}]}, [POLICY]),
        ({"ResourceTypeFilters": ["ses"]}, [POLICY, POLICY, RELAY]),
        ({"ResourceTypeFilters": ["ses:mailmanager-smtp-relay", "kms:key"]}, ["kms:", RELAY]),
        ({"ResourceTypeFilters": ["secretsmanager:secret"]}, ["secretsmanager:"]),
        ({"ResourceTypeFilters": ["ec2:instance"]}, []),
        ({"ResourceARNList": ["arn:aws:ses:us-east-1:123456789012:mailmanager-smtp-relay/r-x"]}, []),
    ],
)
def test_resources_are_found_by_tags_and_types(tagging, tagged, wish, found):
    arns = [row["ResourceARN"] for row in tagging.get_resources(**wish)["ResourceTagMappingList"]]
    assert len(arns) == len(found)
    for part in found:
        assert any(f":{part}" in arn for arn in arns)


def test_each_resource_comes_once_with_all_its_tags_page_by_page(tagging, tagged):
    pages = tagging.get_paginator("get_resources").paginate(PaginationConfig={"PageSize": 2})
    rows = [row for page in pages for row in page["ResourceTagMappingList"]]
    assert len({row["ResourceARN"] for row in rows}) == len(rows) == 5
    assert {"Key": "stage", "Value": "test"} in next(row for row in rows if len(row["Tags"]) == 2)["Tags"]


def test_keys_and_values_are_listed(tagging, tagged):
    assert tagging.get_tag_keys()["TagKeys"] == ["stage", "team"]
    assert tagging.get_tag_values(Key="team")["TagValues"] == ["mail", "web"]


def test_what_is_no_type_and_no_token_is_refused(tagging):
    for wish, code in (
        ({"ResourceTypeFilters": ["?"]}, "InvalidParameterException"),
        ({"PaginationToken": "x"}, "PaginationTokenExpiredException"),
    ):
        with pytest.raises(ClientError) as caught:
            tagging.get_resources(**wish)
        assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("wire", ["json", "cbor"])
def test_both_protocols(raw, tagged, wire):
    answer = raw("resourcegroupstaggingapi", "GetResources", {"ResourceTypeFilters": ["kms"]}, wire=wire)
    assert len(answer.document["ResourceTagMappingList"]) == 1
    assert answer.document["PaginationToken"] == ""
