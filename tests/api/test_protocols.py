"""What stands on the wire, in JSON and in CBOR, sent by hand."""

import json
from datetime import UTC, datetime

import cbor2
import pytest

from api.operations.table import OPERATIONS
from policies.models import TrafficPolicy
from tests.api.documents import STATEMENT

POLICY = {"TrafficPolicyName": "first", "DefaultAction": "ALLOW", "PolicyStatements": [STATEMENT]}
WIRES = pytest.mark.parametrize("wire", ["json", "cbor"])


@WIRES
def test_both_protocols_give_the_same_answers(raw, wire):
    made = raw("mailmanager", "CreateTrafficPolicy", POLICY, wire=wire)
    assert made.status == 200
    assert made.headers["x-amzn-RequestId"]
    got = raw("mailmanager", "GetTrafficPolicy", made.document, wire=wire).document
    at = got["CreatedTimestamp"]
    if wire == "json":
        assert isinstance(at, float)
        at = datetime.fromtimestamp(at, UTC)
    assert abs(at - TrafficPolicy.objects.get().created_at).total_seconds() < 0.001
    assert got["PolicyStatements"] == [STATEMENT]
    assert "MaxMessageSizeBytes" not in got


def test_cbor_is_marked_as_its_specification_wants(raw):
    answer = raw("mailmanager", "ListRelays", {}, wire="cbor")
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert answer.headers["Content-Type"] == "application/cbor"
    assert answer.document == {"Relays": []}


def test_timestamps_in_cbor_are_tagged_seconds(raw):
    made = raw("mailmanager", "CreateTrafficPolicy", POLICY, wire="cbor")
    body = raw("mailmanager", "GetTrafficPolicy", made.document, wire="cbor").body
    tagged = []
    cbor2.loads(body, tag_hook=lambda _, tag: tagged.append(tag))  # tags 0 and 1 are read by cbor2 itself
    assert not tagged
    assert b"CreatedTimestamp\xc1\xfb" in body  # tag 1, a double


def test_json_version_follows_the_service(raw):
    assert raw("mailmanager", "ListRelays", {}).headers["Content-Type"] == "application/x-amz-json-1.0"
    assert raw("kms", "ListKeys", {}).headers["Content-Type"] == "application/x-amz-json-1.1"


@WIRES
def test_error_is_named_in_header_and_body(raw, wire):
    answer = raw("mailmanager", "GetRelay", {"RelayId": "r-none"}, wire=wire)
    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert answer.document["__type"] == "ResourceNotFoundException"
    assert answer.document["Message"] == "There is no SMTP relay r-none."


@WIRES
@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("TrafficPolicyName", 7, "NUMBER_VALUE can not be converted to a String at '/TrafficPolicyName'"),
        ("MaxMessageSizeBytes", "7", "STRING_VALUE can not be converted to an Integer"),
        ("MaxMessageSizeBytes", True, "BOOLEAN_VALUE can not be converted to an Integer"),
        ("MaxMessageSizeBytes", 7.5, "DECIMAL_VALUE can not be converted to an Integer"),
        ("PolicyStatements", {}, "STRUCTURE can not be converted to a List"),
        ("PolicyStatements", [[]], "LIST can not be converted to a Structure at '/PolicyStatements/0'"),
        ("PolicyStatements", [None], "NULL can not be converted to a Structure at '/PolicyStatements/0'"),
        ("TrafficPolicyName", "a\0b", "A String has a character that is not text"),
    ],
)
def test_value_of_another_type_is_told_where_it_stands(raw, wire, member, value, message):
    answer = raw("mailmanager", "CreateTrafficPolicy", {**POLICY, member: value}, wire=wire)
    assert (answer.status, answer.document["__type"]) == (400, "SerializationException")
    assert answer.document["message"].startswith(message)


@pytest.mark.parametrize(
    "body", [b"{", b"[" * 100_000, b'{"PageSize": NaN}', b'"text"', b"\xff", b'{"NextToken": "\\ud800"}']
)
def test_json_that_is_none_is_refused(raw, body):
    answer = raw("mailmanager", "ListRelays", body=body)
    assert (answer.status, answer.document["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\xa1",
        b"\x81" * 100_000,
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",  # a list of 2**64 - 1 entries
        cbor2.dumps("text"),
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        cbor2.dumps({"PageSize": cbor2.CBORTag(4, [-2, 27315])}),  # a decimal fraction
    ],
)
def test_cbor_that_is_none_is_refused(raw, body):
    answer = raw("mailmanager", "ListRelays", body=body, wire="cbor")
    assert (answer.status, answer.document["__type"]) == (400, "SerializationException")


def test_unknown_member_is_named_and_nothing_is_made(raw):
    answer = raw("mailmanager", "CreateTrafficPolicy", {**POLICY, "Colour": "red"})
    assert answer.document["__type"] == "ValidationException"
    assert "Value at 'colour'" in answer.document["message"]
    assert not TrafficPolicy.objects.exists()


def test_null_is_as_left_out(raw):
    answer = raw("mailmanager", "CreateTrafficPolicy", {**POLICY, "MaxMessageSizeBytes": None})
    assert answer.status == 200


def test_union_with_two_members_is_refused(raw):
    both = {
        "SmtpPassword": "pass-Word_1",
        "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x",
    }
    wish = {"IngressPointName": "one", "Type": "AUTH", "RuleSetId": "rs-1", "TrafficPolicyId": "tp-1"}
    answer = raw("mailmanager", "CreateIngressPoint", {**wish, "IngressPointConfiguration": both})
    assert "'ingressPointConfiguration'" in answer.document["message"]
    assert "pass-Word_1" not in answer.body.decode()


@pytest.mark.parametrize("operation", ["Nothing", "ListArchives", "__class__"])
@WIRES
def test_unknown_operation(raw, operation, wire):
    answer = raw("mailmanager", operation, {}, wire=wire)
    assert answer.document["__type"] == "UnknownOperationException"


def test_unknown_service_and_no_target_at_all(live_server, raw):
    answer = raw("mailmanager", "ListRelays", {}, headers={"X-Amz-Target": "Other.ListRelays"})
    assert (answer.status, answer.document["__type"]) == (404, "UnknownOperationException")


def test_too_large_a_body_is_refused(raw, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = raw("mailmanager", "ListRelays", body=json.dumps({"NextToken": "x" * 2000}).encode())
    assert (answer.status, answer.document["__type"]) == (413, "RequestEntityTooLargeException")


def test_unforeseen_error_says_nothing_of_the_inside(raw, monkeypatch, caplog):
    def fail(call):
        raise RuntimeError("inside words")

    monkeypatch.setitem(OPERATIONS["mailmanager"], "ListRelays", fail)
    answer = raw("mailmanager", "ListRelays", {})
    assert (answer.status, answer.document["__type"]) == (500, "InternalServerException")
    assert answer.headers["x-amzn-RequestId"] in answer.document["message"]
    assert "inside words" not in answer.body.decode()
