"""Several endpoints at once, each with rules of its own; and relays that are away."""

import smtplib

import pytest

from core import reply
from tests.e2e.product import PATIENCE_SECONDS, letter, message_id_in
from tests.policies.documents import allow, deny, ipv4
from tests.policies.documents import recipient as to
from tests.rulesets.documents import DROP, add_header, mailbox, relay, rewrite, rule, text
from tests.servers.ports import free_port
from tests.servers.process import wait_until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def sales(product):
    """Takes all but a competitor's mail, marks it, drops what is advertising."""
    product.mailbox("sales")
    return product.endpoint(
        "sales",
        [
            rule(DROP, when=text("SUBJECT", "CONTAINS", "offer"), name="no-advertising"),
            rule(add_header("X-Room", "sales"), mailbox("sales"), name="keep"),
        ],
        statements=[deny(to("STARTS_WITH", "spy@"))],
    )


@pytest.fixture(scope="module")
def support(product):
    """Takes mail for one address from this machine, and puts another in its place."""
    product.mailbox("support")
    return product.endpoint(
        "support",
        [
            rule(rewrite("team@support.example.com"), name="team"),
            rule(mailbox("support"), when=to_team(), name="keep"),
        ],
        default_action="DENY",
        statements=[allow(to("EQUALS", "help@example.com"), ipv4("127.0.0.0/8"))],
    )


def to_team():
    return text("RECIPIENT", "EQUALS", "team@support.example.com")


def _send(endpoint, forward_path, subject="Hello"):
    """The reply to RCPT where that is a refusal, else the one to the message."""
    with smtplib.SMTP(endpoint.host, endpoint.port, timeout=PATIENCE_SECONDS) as client:
        client.ehlo("client.example")
        client.mail("ann@example.org")
        code, words = client.rcpt(forward_path)
        if code == 250:
            code, words = client.data(letter(subject, to=forward_path))
    return f"{code} {words.decode()}"


def test_mail_to_one_never_meets_the_policy_or_rules_of_another(product, sales, support):
    refused = str(reply.ACCESS_DENIED)
    # The same recipient, and each endpoint's own answer.
    assert _send(sales, "spy@example.com") == refused
    assert _send(support, "spy@example.com") == refused
    assert _send(support, "bob@example.com") == refused
    to_sales = message_id_in(_send(sales, "bob@example.com", "an order"))
    also_to_sales = message_id_in(_send(sales, "help@example.com", "a question"))
    to_support = message_id_in(_send(support, "help@example.com", "an offer of help"))
    dropped = message_id_in(_send(sales, "help@example.com", "an offer"))

    at_sales = {message["Subject"]: message for message in product.arrived("sales", 2)}
    assert set(at_sales) == {"an order", "a question"}
    assert [message["X-Room"] for message in at_sales.values()] == ["sales", "sales"]
    assert at_sales["a question"]["Delivered-To"] == "help@example.com"  # nobody rewrote it
    (at_support,) = product.arrived("support")
    assert at_support["Subject"] == "an offer of help"  # nobody dropped it
    assert at_support["Delivered-To"] == "team@support.example.com"
    assert at_support["X-Room"] is None

    for message_id in (to_sales, also_to_sales, to_support):
        product.wait_for_outcome(message_id, "DELIVERED")
    product.wait_for_outcome(dropped, "DROPPED")
    product.wait_until_spool_is_empty()
    assert [len(product.stored(name)) for name in ("sales", "support")] == [2, 1]


def test_addresses_and_names_of_endpoints_differ(sales, support):
    assert sales.host != support.host
    assert sales.a_record != support.a_record


def test_mail_waits_for_a_relay_that_is_away_and_goes_when_it_is_back(product, make_smtp_peer, console):
    peer = make_smtp_peer()
    peer.closes("connect")
    away = product.desk.call("relays.create", name="away", server_name=peer.host, server_port=peer.port)
    endpoint = product.endpoint("to-away", [rule(relay(away["id"]), name="hand-on")])
    message_id = message_id_in(_send(endpoint, "bob@example.com", "wait for me"))
    wait_until(
        lambda: "DELAYED" in product.events_of(message_id), "a delay", timeout_seconds=PATIENCE_SECONDS
    )
    assert product.outcome_of(message_id) == "UNDER_WAY"
    peer.recovers()
    (received,) = peer.wait_for(1, timeout_seconds=PATIENCE_SECONDS)
    assert (received.reverse_path, received.forward_paths) == ("ann@example.org", ("bob@example.com",))
    assert b"\r\nSubject: wait for me\r\n" in received.content
    product.wait_for_outcome(message_id, "DELIVERED")
    page = console.get(f"/message-trace/{message_id}/").text
    assert page.index("Relaying did not work yet for") < page.index("Relaying done for bob@example.com")
    assert len(peer.messages) == 1


def test_mail_for_a_relay_that_stays_away_goes_back_to_its_sender(product, smarthost, console):
    gone = product.desk.call("relays.create", name="gone", server_name="127.0.0.1", server_port=free_port())
    endpoint = product.endpoint("to-gone", [rule(relay(gone["id"]), name="hand-on")])
    message_id = message_id_in(_send(endpoint, "bob@example.com", "never to be seen"))

    def bounces():
        return [one for one in smarthost.messages if b"Subject: never to be seen" in one.content]

    wait_until(bounces, "a bounce", timeout_seconds=PATIENCE_SECONDS)
    (bounce,) = bounces()
    assert (bounce.reverse_path, bounce.forward_paths) == ("", ("ann@example.org",))
    assert b"multipart/report" in bounce.content
    assert b"message/delivery-status" in bounce.content
    assert b"\r\nFinal-Recipient: rfc822; bob@example.com\r\nAction: failed\r\n" in bounce.content
    product.wait_for_outcome(message_id, "BOUNCED")
    events = product.events_of(message_id)
    assert events.count("DELAYED") >= 1
    assert events[-2:] == ["GAVE_UP", "BOUNCE_SENT"]
    page = console.get(f"/message-trace/{message_id}/").text
    assert "ann@example.org is told that the message did not reach bob@example.com" in page
    product.wait_until_spool_is_empty()
    assert bounces() == [bounce]
