"""Bounces: delivery status notifications to the reverse-path, as messages of their own in the spool.

A bounce goes into the spool in the transaction that ends what it tells of, so that it is neither lost
nor made twice, and is sent and retried like any other delivery. It has the null reverse-path
(RFC 5321 §4.5.5), and what has a null reverse-path is never bounced: no bounce begets another.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from core.envelope import Envelope
from core.identifiers import new_message_id
from mailflow.logic import dsn
from mailflow.logic.progress import DeliveryState, Failure
from mailflow.logic.story import EventKind
from mailflow.trace import Event, Opening, Story
from mailflow.work import Work
from rulesets.logic.delivery import Delivery

DSN = "Dsn"  # its kind of delivery


@dataclass(frozen=True, slots=True)
class Bounce:
    envelope: Envelope
    content: bytes
    state: DeliveryState
    story: Story


def bounce(work: Work, failures: Sequence[Failure], now: datetime) -> Bounce:
    """The bounce of `work` to its reverse-path, which is not null."""
    original = work.envelope
    bounce_id = new_message_id(time.time_ns())
    content = dsn.compose(
        dsn.Report(
            bounce_id=bounce_id,
            message_id=original.message_id,
            reporting_mta=settings.MAIL_DOMAIN,
            to=original.reverse_path,
            received_at=original.received_at,
            made_at=now,
            failures=failures,
            header=work.message.header_bytes,
        )
    )
    envelope = Envelope(
        message_id=bounce_id,
        endpoint_id=original.endpoint_id,
        rule_set_id="",
        session_id=original.session_id,
        received_at=now,
        peer_address=original.endpoint_address,
        endpoint_address=original.endpoint_address,
        helo=settings.MAIL_DOMAIN,
        is_esmtp=True,
        reverse_path="",
        forward_paths=(original.reverse_path,),
        size_bytes=len(content),
        is_smtputf8=not original.reverse_path.isascii(),
    )
    delivery = Delivery(
        position=0,
        rule=0,
        rule_name="",
        action_index=0,
        kind=DSN,
        action={},
        recipients=envelope.forward_paths,
        origins=envelope.forward_paths,
    )
    made = Event("made", EventKind.BOUNCE_MADE, now, {"Message": original.message_id})
    opening = Opening(envelope, work.endpoint_name, "Undelivered Mail Returned to Sender")
    return Bounce(envelope, content, DeliveryState.at_first(delivery, now), Story(bounce_id, opening, [made]))
