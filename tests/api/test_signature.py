"""What botocore signs is taken; what was changed on the way is not."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from api.logic.signature import BadSignature, Refusal, SignedRequest, check, read_claim

KEY_ID, SECRET = "AKIAEXAMPLE234567ABC", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def botocore_clock(monkeypatch):
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None)
    )


def signed(
    method="POST", url="http://api.example:8000/api/", headers=None, body=b"{}", *, presign=None
) -> SignedRequest:
    request = AWSRequest(method, url, headers=headers or {}, data=body)
    credentials = Credentials(KEY_ID, SECRET)
    if presign:
        botocore.auth.SigV4QueryAuth(credentials, "ses", "us-east-1", expires=presign).add_auth(request)
    else:
        botocore.auth.SigV4Auth(credentials, "ses", "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    sent = {name.lower(): value for name, value in request.headers.items()}
    return SignedRequest(method, parts.path or "/", parts.query, {"host": parts.netloc, **sent}, body)


def changed(request: SignedRequest, **fields) -> SignedRequest:
    names = ("method", "path", "query", "headers", "body")
    return SignedRequest(**{name: fields.get(name, getattr(request, name)) for name in names})


def accept(request, *, secret=SECRET, now=NOW):
    claim = read_claim(request)
    check(request, claim, secret, now)
    return claim


def refused(request, *, secret=SECRET, now=NOW):
    with pytest.raises(BadSignature) as caught:
        accept(request, secret=secret, now=now)
    return caught.value


SEGMENTS = st.text(
    st.characters(codec="ascii", categories=["L", "N"]) | st.sampled_from("-_.~ +%&="), min_size=1
)
VALUES = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=30)


@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(st.from_regex(r"x-[a-z]{1,8}", fullmatch=True), VALUES, max_size=4),
)
def test_bodies_and_headers_of_all_kinds(body, headers):
    claim = accept(signed(headers=headers, body=body))
    assert (claim.access_key_id, claim.region, claim.service) == (KEY_ID, "us-east-1", "ses")


@given(parameters=st.dictionaries(SEGMENTS, VALUES, max_size=4))
def test_presigned_requests_with_parameters_of_all_kinds(parameters):
    request = AWSRequest("GET", "http://api.example/api/", params=parameters, data=b"")
    botocore.auth.SigV4QueryAuth(Credentials(KEY_ID, SECRET), "ses", "us-east-1", expires=60).add_auth(
        request
    )
    parts = urlsplit(request.url)
    accept(SignedRequest("GET", parts.path, parts.query, {"host": "api.example"}, b""))


@pytest.mark.parametrize(
    "path", ["/api/", "/api/service/MailManagerSvc/operation/GetRelay", "/a%20b/c", "/a+b=c"]
)
def test_paths(path):
    accept(signed(url=f"http://api.example{path}"))


@given(position=st.integers(0, 30), letter=st.integers(0, 255))
def test_a_changed_body_is_refused(position, letter):
    body = b'{"RelayId": "r-123456789012345"}'
    other = body[:position] + bytes([letter]) + body[position + 1 :]
    request = signed(body=body)
    if other != body:
        assert refused(changed(request, body=other)).refusal == Refusal.INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/api/x"},
        {"query": "a=b"},
        {"headers": {"x-amz-target": "MailManagerSvc.DeleteRelay"}},
        {"headers": {"host": "other.example"}},
        {"headers": {"x-amz-date": "20260203T040507Z"}},
    ],
)
def test_a_changed_request_is_refused(change):
    request = signed(headers={"X-Amz-Target": "MailManagerSvc.GetRelay"})
    if "headers" in change:
        change = {"headers": {**request.headers, **change["headers"]}}
    assert refused(changed(request, **change)).refusal == Refusal.INVALID


def test_a_hash_header_does_not_stand_for_the_body():
    request = signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert refused(changed(request, body=b"other")).refusal == Refusal.INVALID


def test_target_must_be_signed():
    request = signed()
    added = {**request.headers, "x-amz-target": "MailManagerSvc.DeleteRelay"}
    assert "x-amz-target" in str(refused(changed(request, headers=added)))


def test_another_secret_is_refused_without_saying_what_would_be_right():
    error = refused(signed(), secret="other")
    assert error.refusal == Refusal.INVALID
    assert not any(len(word) == 64 for word in str(error).split())


@pytest.mark.parametrize(("minutes", "word"), [(5.1, "expired"), (-5.1, "not yet current")])
def test_clocks_may_differ_by_five_minutes(minutes, word):
    request = signed()
    accept(request, now=NOW + timedelta(minutes=4.9))
    accept(request, now=NOW - timedelta(minutes=4.9))
    assert word in str(refused(request, now=NOW + timedelta(minutes=minutes)))


def test_presigned_request_lasts_as_long_as_it_says():
    request = signed("GET", body=b"", presign=3600)
    accept(request, now=NOW + timedelta(minutes=59))
    assert "expired" in str(refused(request, now=NOW + timedelta(minutes=61)))
    assert "not yet current" in str(refused(request, now=NOW - timedelta(minutes=6)))


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "x", "", "9" * 400])
def test_presigned_requests_last_a_week_at_most(expires):
    request = signed("GET", body=b"", presign=3600)
    query = request.query.replace("X-Amz-Expires=3600", f"X-Amz-Expires={expires}")
    assert refused(changed(request, query=query)).refusal in (Refusal.INCOMPLETE, Refusal.INVALID)


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ("", Refusal.MISSING),
        ("Basic dTpw", Refusal.INCOMPLETE),
        ("AWS4-HMAC-SHA256", Refusal.INCOMPLETE),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=" + "0" * 64, Refusal.INCOMPLETE),
        (
            "AWS4-HMAC-SHA256 Credential=AKIA/20250101/us-east-1/ses/aws4_request,"
            " SignedHeaders=host, Signature=" + "0" * 64,
            Refusal.INVALID,
        ),
    ],
)
def test_what_is_no_signature(header, refusal):
    request = signed()
    assert refused(changed(request, headers={**request.headers, "authorization": header})).refusal == refusal


def test_a_date_that_is_missing_or_none_is_told():
    request = signed()
    for date in ("", "yesterday"):
        error = refused(changed(request, headers={**request.headers, "x-amz-date": date}))
        assert error.refusal == Refusal.INCOMPLETE


@given(st.text(max_size=200), st.text(max_size=100))
def test_garbage_is_refused_and_nothing_else_happens(authorization, query):
    try:
        read_claim(SignedRequest("POST", "/", query, {"authorization": authorization}, b""))
    except BadSignature:
        pass
    else:
        raise AssertionError("garbage was read as a signature")
