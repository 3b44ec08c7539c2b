"""The sample of a fresh installation: a first mail can be sent, and every part of its way be looked at."""

import destinations.services
import endpoints.services
import policies.services
import rulesets.services
from access.actor import Actor
from destinations.models import Mailbox
from endpoints.models import IngressEndpoint
from policies.models import DefaultAction
from resources.services import configuration_version

NAME = "sample"
MAILBOX = "inbox"
BUCKET = "mail"


def make_sample(actor: Actor) -> IngressEndpoint | None:
    """Mailbox, bucket, policy, rule set and an Open endpoint that joins them, in the caller's transaction.

    None where anything was ever configured: what people deleted does not come back.
    """
    role = destinations.services.ensure_local_role()
    if configuration_version():
        return None
    tags = {"purpose": "sample"}
    destinations.services.create_mailbox(actor, name=MAILBOX, kind=Mailbox.Kind.MAILDIR, tags=tags)
    destinations.services.create_bucket(actor, name=BUCKET, tags=tags)
    policy = policies.services.create(
        actor,
        name=NAME,
        default_action=DefaultAction.ALLOW,
        # .invalid never exists (RFC 2606 §2): something to see refused.
        statements=[
            {
                "Action": "DENY",
                "Conditions": [
                    {
                        "StringExpression": {
                            "Evaluate": {"Attribute": "RECIPIENT"},
                            "Operator": "ENDS_WITH",
                            "Values": [".invalid"],
                        }
                    }
                ],
            }
        ],
        tags=tags,
    )
    rule_set = rulesets.services.create(
        actor,
        name=NAME,
        rules=[
            {
                "Name": "deliver-to-inbox",
                "Actions": [{"DeliverToMailbox": {"MailboxArn": MAILBOX, "RoleArn": role.arn}}],
            },
            {
                "Name": "keep-a-copy",
                "Actions": [{"WriteToS3": {"S3Bucket": BUCKET, "S3Prefix": NAME, "RoleArn": role.arn}}],
            },
        ],
        tags=tags,
    )
    return endpoints.services.create(
        actor,
        name=NAME,
        type=IngressEndpoint.Type.OPEN,
        traffic_policy_id=policy.id,
        rule_set_id=rule_set.id,
        tags=tags,
    )
