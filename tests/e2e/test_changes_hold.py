"""A change that somebody makes holds for the next session, and mail under way is not disturbed.

How soon it holds is measured by nobody here: each test asks until it does, within its patience. Each has
an endpoint of its own: none needs, or suffers from, what another changed.
"""

import base64
import contextlib
import ssl
from collections.abc import Callable
from itertools import count

import pytest

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.policies.documents import deny
from tests.policies.documents import recipient as to
from tests.rulesets.documents import mailbox, rule
from tests.servers.process import wait_until

pytestmark = pytest.mark.timeout(600)

FIRST, SECOND, THIRD = "first-Pass1", "second-Pass2", "third-Pass3"
_NUMBERS = count(1)


@pytest.fixture
def endpoint(product):
    name = f"changing-{next(_NUMBERS)}"
    return product.endpoint(name, [rule(mailbox(product.mailbox(name)))], type="AUTH", password=FIRST)


@pytest.fixture
def sender(product, endpoint, dial):
    """`with sender() as peer:` who has said MAIL, or was turned away: `peer.last`."""

    @contextlib.contextmanager
    def begin(password: str = FIRST):
        context = ssl.create_default_context(cafile=str(product.system.data_dir / "tls" / "ca.pem"))
        with dial(endpoint, timeout_seconds=PATIENCE_SECONDS) as peer:
            if peer.greeting.code == 220:
                peer.says("EHLO c.example")
                peer.starts_tls(context, server_name=endpoint.a_record)
                peer.says("EHLO c.example")
                login = base64.b64encode(f"\0{endpoint.id}\0{password}".encode()).decode()
                if peer.says(f"AUTH PLAIN {login}").code == 235:
                    peer.says("MAIL FROM:<a@x.example>")
            yield peer

    return begin


@pytest.fixture
def session(sender):
    """`session()`: the reply to RCPT, or to the message, or what turned it away."""

    def talk(forward_path: str = "b@y.example", *, password: str = FIRST, subject: str = "") -> str:
        with sender(password) as peer:
            if peer.heard(reply.SENDER_OK):
                peer.says(f"RCPT TO:<{forward_path}>")
            if subject and peer.heard(reply.RECIPIENT_OK):
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
    product, endpoint, sender, session, console
):
    with sender() as peer:
        peer.says("RCPT TO:<later@y.example>")
        assert peer.heard(reply.RECIPIENT_OK)
        product.desk.call(
            "policies.update", endpoint.policy_id, statements=[deny(to("EQUALS", "later@y.example"))]
        )
        _comes_true(lambda: str(peer.says("RCPT TO:<later@y.example>")), str(reply.ACCESS_DENIED), "refused")
    assert session("later@y.example") == str(reply.ACCESS_DENIED)
    assert session("other@y.example") == str(reply.RECIPIENT_OK)
    # And back again, as a person does it at the console.
    typed = {"as": "json", "name": endpoint.name, "document": '{"DefaultAction": "ALLOW"}', "based_on": "2"}
    answer = console.post(f"/traffic-policies/{endpoint.policy_id}/edit", data=typed)
    assert answer.url.path == f"/traffic-policies/{endpoint.policy_id}", answer.text
    _comes_true(lambda: session("later@y.example"), str(reply.RECIPIENT_OK), "accepted")


def test_edited_rule_set_holds_for_the_next_message(product, endpoint, session):
    first = message_id_in(session(subject="to the first"))
    product.wait_for_outcome(first, "DELIVERED")
    other = product.mailbox(f"{endpoint.name}-other")
    product.desk.call("rulesets.update", endpoint.rule_set_id, rules=[rule(mailbox(other))])
    second = message_id_in(session(subject="to the second"))
    product.wait_for_outcome(second, "DELIVERED")
    assert [message["Subject"] for message in product.arrived(endpoint.name)] == ["to the first"]
    assert [message["Subject"] for message in product.arrived(other)] == ["to the second"]


def test_new_password_is_good_and_the_former_one_still_but_not_the_one_before(product, endpoint, session):
    accepted, refused = str(reply.RECIPIENT_OK), str(reply.AUTH_INVALID)
    assert session(password=SECOND) == refused
    product.desk.call("endpoints.update", endpoint.id, password=SECOND)
    _comes_true(lambda: session(password=SECOND), accepted, "the new password good")
    assert session(password=FIRST) == accepted
    product.desk.call("endpoints.update", endpoint.id, password=THIRD)
    _comes_true(lambda: session(password=THIRD), accepted, "the newest password good")
    assert session(password=SECOND) == accepted
    _comes_true(lambda: session(password=FIRST), refused, "the first password refused")


def test_other_policy_and_rule_set_hold_for_the_endpoint_that_was_given_them(product, endpoint, session):
    name = f"{endpoint.name}-other"
    strict = product.desk.call("policies.create", name=name, default_action="DENY")
    product.desk.call("endpoints.update", endpoint.id, traffic_policy_id=strict["id"])
    _comes_true(session, str(reply.ACCESS_DENIED), "refused")
    rule_set = product.desk.call("rulesets.create", name=name, rules=[rule(mailbox(product.mailbox(name)))])
    product.desk.call(
        "endpoints.update", endpoint.id, traffic_policy_id=endpoint.policy_id, rule_set_id=rule_set["id"]
    )
    _comes_true(session, str(reply.RECIPIENT_OK), "accepted")
    product.wait_for_outcome(message_id_in(session(subject="by the other")), "DELIVERED")
    assert [message["Subject"] for message in product.arrived(name)] == ["by the other"]


def test_closing_ends_sessions_that_rest_and_turns_new_ones_away(product, endpoint, session, dial):
    with dial(endpoint, timeout_seconds=PATIENCE_SECONDS) as resting:
        product.desk.call("endpoints.update", endpoint.id, status="CLOSED")
        resting.hears()
        assert resting.heard(reply.ENDPOINT_CLOSED)
        assert resting.is_closed
    _comes_true(session, str(reply.ENDPOINT_CLOSED), "closed")
    product.desk.call("endpoints.update", endpoint.id, status="ACTIVE")
    _comes_true(session, str(reply.RECIPIENT_OK), "open again")


def test_deleted_endpoint_takes_nothing_and_leaves_no_name(product, endpoint, session):
    product.desk.call("endpoints.delete", endpoint.id)
    product.wait_for_status(endpoint.name, "")
    with pytest.raises(ConnectionRefusedError):
        session()
