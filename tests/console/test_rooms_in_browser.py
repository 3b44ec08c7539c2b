"""Every room's pages in Chromium: they fit a narrow window, are accessible, and log nothing wrong."""

import pytest
from django.utils import timezone

from core.identifiers import new_message_id
from destinations.services import create_bucket, create_mailbox
from endpoints.models import IngressEndpoint
from mailflow.models import MessageTrace, Outcome, RecipientTrace
from policies.services import create as create_policy
from relays.services import create as create_relay
from rulesets.services import create as create_rule_set
from tests.console.test_accessibility import violations_of
from tests.console.test_browser import overflow_of

pytestmark = pytest.mark.needs("chromium")

LONG = "a-name-as-long-as-the-console-takes-it-for-a-resource-of-this-63"


@pytest.fixture
def pages(transactional_db, actor) -> list[str]:
    """Addresses of lists, summaries and forms, with a row in each list."""
    statements = [
        {
            "Action": "ALLOW",
            "Conditions": [
                {
                    "StringExpression": {
                        "Evaluate": {"Attribute": "RECIPIENT"},
                        "Operator": "ENDS_WITH",
                        "Values": ["@marketing.example.com"],
                    }
                }
            ],
        }
    ]
    policy = create_policy(
        actor, name=LONG[:63], default_action="DENY", statements=statements, tags={"stage": "test"}
    )
    relay = create_relay(actor, name="relay", server_name="mail.example.com", server_port=25)
    rules = [{"Name": "all", "Actions": [{"Relay": {"Relay": relay.id, "MailFrom": "PRESERVE"}}]}]
    rule_set = create_rule_set(actor, name=LONG[:63], rules=rules)
    mailbox = create_mailbox(actor, name="info")
    create_bucket(actor, name="archive-bucket")
    endpoint = IngressEndpoint.objects.create(
        name=LONG[:63],
        type="AUTH",
        tls_policy="REQUIRED",
        status="ACTIVE",
        record_label="abcdefghijkl.mnopq",
        traffic_policy=policy,
        rule_set=rule_set,
    )
    trace = MessageTrace.objects.create(
        id=new_message_id(1),
        endpoint_id=endpoint.id,
        endpoint_name=endpoint.name,
        session_id="s",
        received_at=timezone.now(),
        peer_address="192.0.2.1",
        reverse_path="a-sender-with-a-long-name@a-long-domain.example.com",
        subject="A subject",
        outcome=Outcome.DELIVERED,
    )
    RecipientTrace.objects.create(
        trace=trace, mailbox="info@marketing.example.com", outcome=Outcome.DELIVERED
    )
    return [
        "/",
        "/ingress-endpoints/",
        "/ingress-endpoints/create",
        f"/ingress-endpoints/{endpoint.id}",
        f"/ingress-endpoints/{endpoint.id}/edit",
        "/traffic-policies/",
        "/traffic-policies/create",
        f"/traffic-policies/{policy.id}",
        f"/traffic-policies/{policy.id}/edit",
        f"/traffic-policies/{policy.id}/delete",
        "/rule-sets/",
        "/rule-sets/create",
        f"/rule-sets/{rule_set.id}",
        f"/rule-sets/{rule_set.id}/edit",
        "/smtp-relays/",
        "/smtp-relays/create",
        f"/smtp-relays/{relay.id}",
        "/destinations/mailboxes",
        f"/destinations/mailboxes/{mailbox.id}",
        "/destinations/create-mailbox",
        "/destinations/buckets",
        "/destinations/roles",
        "/secrets/",
        "/secrets/store",
        "/encryption-keys/",
        "/encryption-keys/create",
        "/message-trace/",
        f"/message-trace/{trace.id}/",
        "/access/people",
        "/access/audit",
        "/console/preferences",
        f"/search?q={LONG[:20]}",
        f"/resources/tags/{policy.arn}",
    ]


@pytest.mark.timeout(400)
def test_every_room_fits_a_narrow_window(pages, browse):
    page = browse(width=360).new_page()
    for path in pages:
        response = page.goto(path)
        assert response is not None
        assert response.status == 200, path
        assert overflow_of(page) <= 0, path


@pytest.mark.timeout(400)
def test_every_room_is_accessible(pages, browse):
    page = browse(theme="dark", bypass_csp=True).new_page()
    for path in pages:
        page.goto(path)
        assert violations_of(page) == [], path
