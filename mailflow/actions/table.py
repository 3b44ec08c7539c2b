"""Which runner does which action. A kind that is missing here can't be done by this installation."""

from mailflow.actions import bucket, mailbox, relay
from mailflow.actions.contract import Runner

RUNNERS: dict[str, Runner] = {
    "Relay": relay.run,
    "DeliverToMailbox": mailbox.run,
    "WriteToS3": bucket.run,
}
