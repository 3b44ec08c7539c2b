"""An address list from boto3 to the reply at RCPT and the rule of a message, in the running product."""

import http.client
from urllib.parse import urlsplit

import pytest

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.policies.documents import deny, in_list
from tests.rulesets.documents import DROP, mailbox, rule
from tests.servers.process import wait_until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def mm(aws):
    return aws("mailmanager")


@pytest.fixture(scope="module")
def list_id(mm):
    return mm.create_address_list(AddressListName="traps")["AddressListId"]


@pytest.fixture(scope="module")
def endpoint(product, list_id):
    product.mailbox("listed")
    return product.endpoint(
        "listed",
        [rule(DROP, when=in_list(list_id, attribute="FROM")), rule(mailbox("listed"))],
        statements=[deny(in_list(list_id))],
    )


@pytest.fixture
def says(endpoint, dial):
    """What the endpoint says to RCPT."""

    def ask(recipient: str) -> str:
        with dial(endpoint, timeout_seconds=PATIENCE_SECONDS) as peer:
            peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", f"RCPT TO:<{recipient}>")
            return str(peer.last)

    return ask


def test_members_hold_at_rcpt_one_by_one_and_by_file(mm, list_id, says):
    assert says("trap@y.example") == str(reply.RECIPIENT_OK)
    mm.register_member_to_address_list(AddressListId=list_id, Address="trap*@y.example")
    wait_until(
        lambda: says("Trap+1@Y.example") == str(reply.ACCESS_DENIED),
        "refused",
        timeout_seconds=PATIENCE_SECONDS,
    )

    job = mm.create_address_list_import_job(
        AddressListId=list_id, Name="may", ImportDataFormat={"ImportDataType": "CSV"}
    )
    lines = (
        b"".join(b"user%d@y.example\n" % number for number in range(at, at + 1000))
        for at in range(0, 20_000, 1000)
    )
    assert put(job["PreSignedUrl"], [b"address\n", *lines]) == 200  # chunked: nobody says how long it is
    mm.start_address_list_import_job(JobId=job["JobId"])
    told = mm.get_address_list_import_job
    wait_until(
        lambda: told(JobId=job["JobId"])["Status"] == "COMPLETED",
        "imported",
        timeout_seconds=PATIENCE_SECONDS,
    )
    assert told(JobId=job["JobId"])["ImportedItemsCount"] == 20_000
    wait_until(
        lambda: says("user19999@y.example") == str(reply.ACCESS_DENIED),
        "refused",
        timeout_seconds=PATIENCE_SECONDS,
    )
    assert says("trap@y.example") == str(reply.ACCESS_DENIED)
    assert says("user20000@y.example") == str(reply.RECIPIENT_OK)

    mm.deregister_member_from_address_list(AddressListId=list_id, Address="user19999@y.example")
    wait_until(
        lambda: says("user19999@y.example") == str(reply.RECIPIENT_OK),
        "taken",
        timeout_seconds=PATIENCE_SECONDS,
    )


def test_a_rule_asks_the_list_as_it_is_when_the_message_is_walked(product, mm, list_id, endpoint, dial):
    def outcome(subject: str) -> str:
        with dial(endpoint, timeout_seconds=PATIENCE_SECONDS) as peer:
            peer.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<bob@example.com>", "DATA")
            message_id = message_id_in(peer.sends_message(letter(subject)))
        wait_until(
            lambda: product.outcome_of(message_id) in ("DELIVERED", "DROPPED"),
            "at its end",
            timeout_seconds=PATIENCE_SECONDS,
        )
        return str(product.outcome_of(message_id))

    assert outcome("first") == "DELIVERED"
    mm.register_member_to_address_list(AddressListId=list_id, Address="ann@example.org")
    assert outcome("second") == "DROPPED"


def put(url: str, pieces: list[bytes]) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_SECONDS)
    connection.request(
        "PUT",
        f"{parts.path}?{parts.query}",
        body=iter(pieces),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )
    status = connection.getresponse().status
    connection.close()
    return status
