"""A change that somebody makes holds for the next session, and mail under way is not disturbed.

How soon it holds is measured by nobody here: each test asks until it does, within its patience.
"""

import base64
import ssl
from collections.abc import Callable

import pytest

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.policies.documents import deny
from tests.policies.documents import recipient as to
from tests.rulesets.documents import mailbox, rule
from tests.servers.process import wait_until

pytestmark = pytest.mark.timeout(600)

FIRST, SECOND, THIRD = "first-Pass1", "second-Pass2", "third-Pass3"


@pytest.fixture(scope="module")
def endpoint(product):
    product.mailbox("changing-1")
    product.mailbox("changing-2")
    return product.endpoint("changing", [rule(mailbox("changing-1"))], type="AUTH", password=FIRST)


@pytest.fixture
def session(product, endpoint, dial):
    """`session(password)`: the reply to AUTH, then to RCPT, or the greeting that turned it away."""

    def talk(password: str, forward_path: str = "b@y.example", subject: str = "") -> str:
        context = ssl.create_default_context(cafile=str(product.system.data_dir / "tls" / "ca.pem"))
        with dial(endpoint, timeout_seconds=PATIENCE_SECONDS) as peer:
            if peer.greeting.code != 220:
                return str(peer.greeting)
            peer.says("EHLO c.example")
            peer.starts_tls(context, server_name=endpoint.a_record)
            peer.says("EHLO c.example")
            login = base64.b64encode(f"\0{endpoint.id}\0{password}".encode()).decode()
            if peer.says(f"AUTH PLAIN {login}").code != 235:
                return str(peer.last)
            peer.says("MAIL FROM:<a@x.example>", f"RCPT TO:<{forward_path}>")
            if subject:
                peer.says("DATA")
                peer.sends_message(letter(subject))
            return str(peer.last)

    return talk


def _comes_true(ask: Callable[[], str], wanted: str, what: str) -> None:
    heard = [""]

    def is_heard() -> bool:
        heard[0] = ask()
        return heard[0] == wanted

    try:
        wait_until(is_heard, what, timeout_seconds=PATIENCE_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}; the last answer was {heard[0]!r}") from None


def test_edited_policy_holds_for_the_next_recipient_also_in_a_session_that_is_open(
    product, endpoint, session, console, dial
):
    assert session(FIRST, "later@y.example") == str(reply.RECIPIENT_OK)
    product.desk.call(
        "policies.update", endpoint.policy_id, statements=[deny(to("EQUALS", "later@y.example"))]
    )
    _comes_true(lambda: session(FIRST, "later@y.example"), str(reply.ACCESS_DENIED), "refused")
    assert session(FIRST, "other@y.example") == str(reply.RECIPIENT_OK)
    # And back again, as a person does it at the console.
    typed = {"as": "json", "name": "changing", "document": '{"DefaultAction": "ALLOW"}', "based_on": "2"}
    answer = console.post(f"/traffic-policies/{endpoint.policy_id}/edit", data=typed)
    assert answer.url.path == f"/traffic-policies/{endpoint.policy_id}", answer.text
    _comes_true(lambda: session(FIRST, "later@y.example"), str(reply.RECIPIENT_OK), "accepted")


def test_edited_rule_set_holds_for_the_next_message(product, endpoint, session):
    first = message_id_in(session(FIRST, subject="to the first"))
    product.wait_for_outcome(first, "DELIVERED")
    product.desk.call("rulesets.update", endpoint.rule_set_id, rules=[rule(mailbox("changing-2"))])
    second = message_id_in(session(FIRST, subject="to the second"))
    product.wait_for_outcome(second, "DELIVERED")
    assert [message["Subject"] for message in product.arrived("changing-1")] == ["to the first"]
    assert [message["Subject"] for message in product.arrived("changing-2")] == ["to the second"]


def test_new_password_is_good_and_the_former_one_still_but_not_the_one_before(product, endpoint, session):
    accepted, refused = str(reply.RECIPIENT_OK), str(reply.AUTH_INVALID)
    assert session(SECOND) == refused
    product.desk.call("endpoints.update", endpoint.id, password=SECOND)
    _comes_true(lambda: session(SECOND), accepted, "the new password good")
    assert session(FIRST) == accepted
    product.desk.call("endpoints.update", endpoint.id, password=THIRD)
    _comes_true(lambda: session(THIRD), accepted, "the newest password good")
    assert session(SECOND) == accepted
    _comes_true(lambda: session(FIRST), refused, "the first password refused")


def test_other_policy_and_rule_set_hold_for_the_endpoint_that_was_given_them(product, endpoint, session):
    strict = product.desk.call("policies.create", name="strict", default_action="DENY")
    product.desk.call("endpoints.update", endpoint.id, traffic_policy_id=strict["id"])
    _comes_true(lambda: session(THIRD), str(reply.ACCESS_DENIED), "refused")
    product.desk.call("endpoints.update", endpoint.id, traffic_policy_id=endpoint.policy_id)
    _comes_true(lambda: session(THIRD), str(reply.RECIPIENT_OK), "accepted")


def test_closing_ends_sessions_that_rest_and_turns_new_ones_away(product, endpoint, session, dial):
    with dial(endpoint, timeout_seconds=PATIENCE_SECONDS) as resting:
        product.desk.call("endpoints.update", endpoint.id, status="CLOSED")
        resting.hears()
        assert resting.heard(reply.ENDPOINT_CLOSED)
        assert resting.is_closed
    _comes_true(lambda: session(THIRD), str(reply.ENDPOINT_CLOSED), "closed")
    product.desk.call("endpoints.update", endpoint.id, status="ACTIVE")
    _comes_true(lambda: session(THIRD), str(reply.RECIPIENT_OK), "open again")


def test_deleted_endpoint_takes_nothing_and_leaves_no_name(product, endpoint, session):
    product.desk.call("endpoints.delete", endpoint.id)
    product.wait_for_status("changing", "")
    with pytest.raises(ConnectionRefusedError):
        session(THIRD)
