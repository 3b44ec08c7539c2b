"""Rule sets that several tests look at."""

import pytest

from relays import services as relay_services
from rulesets import services
from tests.rulesets.documents import (
    DROP,
    HOSTILE,
    add_header,
    bucket,
    ip,
    mailbox,
    recipient,
    relay,
    rewrite,
    rule,
    size,
    text,
    tls,
)


@pytest.fixture
def smarthost(actor):
    return relay_services.create(actor, name="smarthost", server_name="mx.example", server_port=25)


@pytest.fixture
def everything(actor, smarthost):
    """A rule set with every condition and action that there is."""
    return services.create(
        actor,
        name="inbound",
        rules=[
            rule(
                DROP,
                when=[recipient("trap@y.example", operator="EQUALS"), text("SUBJECT", "CONTAINS", HOSTILE)],
                unless=[ip("192.0.2.0/24"), tls()],
                name="trap",
            ),
            rule(
                add_header("X-A", HOSTILE),
                rewrite("a@y.example", "b@y.example"),
                relay(smarthost.id, MailFrom="PRESERVE", ActionFailurePolicy="DROP"),
                mailbox("staff", ActionFailurePolicy="CONTINUE"),
                bucket("mail", S3Prefix="in"),
                when=[
                    text("X-Spam", "EQUALS", " yes "),
                    size("GREATER_THAN", 25 * 1024 * 1024),
                    *(
                        text(name, "NOT_EQUALS", "a", "b")
                        for name in ("FROM", "TO", "CC", "SENDER", "MAIL_FROM", "HELO")
                    ),
                ],
            ),
        ],
    )
