"""Who may come in through the API's door, over HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from access.models import User
from api import access_keys, throttling
from api.access_keys import NewAccessKey
from api.models import AccessKey
from tests.api.conftest import send


def code_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def test_wrong_secret(client, access_key):
    wrong = NewAccessKey(access_key.access_key_id, "wrong")
    assert code_of(client("mailmanager", wrong).list_relays) == (403, "InvalidSignatureException")


def test_unknown_key(client):
    unknown = NewAccessKey("AKIAUNKNOWN234567ABC", "x")
    assert code_of(client("mailmanager", unknown).list_relays) == (403, "UnrecognizedClientException")


def test_no_signature_at_all(live_server, transactional_db):
    headers = {"X-Amz-Target": "MailManagerSvc.ListRelays"}
    answer = send("POST", f"{live_server.url}/api/", headers, b"{}")
    assert (answer.status, answer.document["__type"]) == (403, "MissingAuthenticationTokenException")
    assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize("end", ["inactive", "deleted", "person"])
def test_keys_that_are_switched_off_or_gone(client, actor, access_key, end):
    mm = client("mailmanager")
    mm.list_relays()
    if end == "inactive":
        access_keys.set_active(actor, access_key.access_key_id, is_active=False)
    elif end == "deleted":
        access_keys.delete(actor, access_key.access_key_id)
    else:
        User.objects.update(is_active=False)
    assert code_of(mm.list_relays) == (403, "UnrecognizedClientException")


def test_a_changed_role_holds_at_once(client, access_key):
    mm = client("mailmanager")
    relay = {"ServerName": "mx.example", "ServerPort": 25, "Authentication": {"NoAuthentication": {}}}
    mm.create_relay(RelayName="one", **relay)
    User.objects.update(role="viewer")
    assert code_of(mm.create_relay, RelayName="two", **relay) == (403, "AccessDeniedException")


def test_clock_that_is_wrong(client, monkeypatch):
    def late(remove_tzinfo=True):
        return get_current_datetime(remove_tzinfo) - timedelta(minutes=6)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", late)
    assert code_of(client("mailmanager").list_relays) == (403, "InvalidSignatureException")


def test_any_region_signs_unless_one_is_demanded(client, settings):
    mm = client("mailmanager", region_name="eu-central-1")
    mm.list_relays()
    settings.API_REGION_STRICT = True
    assert code_of(mm.list_relays) == (403, "InvalidSignatureException")
    client("mailmanager").list_relays()


def test_a_signature_for_another_service_is_refused(live_server, access_key):
    headers = {"X-Amz-Target": "MailManagerSvc.ListRelays", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", f"{live_server.url}/api/", headers=headers, data=b"{}")
    credentials = Credentials(access_key.access_key_id, access_key.secret_access_key)
    botocore.auth.SigV4Auth(credentials, "kms", "us-east-1").add_auth(request)
    answer = send("POST", request.url, dict(request.headers.items()), b"{}")
    assert (answer.status, answer.document["__type"]) == (403, "InvalidSignatureException")


def test_last_use_is_noted(client, access_key):
    assert AccessKey.objects.get().last_used_at is None
    client("mailmanager").list_relays()
    assert AccessKey.objects.get().last_used_at is not None


def test_more_requests_than_a_key_may_make_are_throttled(client, settings):
    settings.API_REQUESTS_PER_SECOND = 0
    assert code_of(client("mailmanager").list_relays) == (429, "ThrottlingException")
    assert code_of(client("resourcegroupstaggingapi").get_resources) == (400, "ThrottledException")


def test_without_redis_nobody_is_throttled(client, settings):
    settings.API_REQUESTS_PER_SECOND = 0
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    client("mailmanager").list_relays()


def test_first_requests_at_the_same_time_share_one_connection_pool(redis_server, monkeypatch):
    for _ in range(30):
        monkeypatch.setattr(throttling, "_connections", {})
        together = threading.Barrier(8)

        def ask(_, together=together):
            together.wait()
            return throttling._client()

        with ThreadPoolExecutor(8) as pool:
            assert len(set(map(id, pool.map(ask, range(8))))) == 1


def test_caller_identity(client, access_key):
    told = client("sts").get_caller_identity()
    assert told["Arn"] == "arn:aws:iam::123456789012:user/owner"
    assert told["UserId"] == access_key.access_key_id
    assert code_of(client("sts").get_session_token) == (400, "InvalidAction")
    wrong = NewAccessKey(access_key.access_key_id, "wrong")
    assert code_of(client("sts", wrong).get_caller_identity) == (403, "InvalidSignatureException")


def test_presigned_caller_identity(client):
    url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    answer = send("GET", url, {}, None)
    assert answer.status == 200
    assert b"user/owner" in answer.body
    assert send("GET", url.replace("GetCallerIdentity", "GetSessionToken"), {}, None).status == 403
