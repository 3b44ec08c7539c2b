"""Relay: hands the message on to the relay's host (SPEC §5)."""

import re

from core.errors import Conflict
from mailflow.actions.configured import MISCONFIGURED, look_up, same_for_all
from mailflow.actions.contract import Finish, Job, Result
from mailflow.smtp_client import Transaction, deliver
from relays import services as relays

# RFC 5321 §6.3: "a large rejection threshold, normally at least 100 Received entries". A relay whose
# way leads back to one of our endpoints sends a message round until it has so many.
MAX_HOPS = 100
_MAX_WORDS = 500  # of Result.words
_LOOP = "5.4.6"  # RFC 3463 §3.5: routing loop detected
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


async def run(job: Job) -> list[Result]:
    if (hops := _hops(job.content)) >= MAX_HOPS:
        words = f"the message goes in a loop: it has passed {hops} servers"
        return same_for_all(job, Finish.PERMANENT, words, _LOOP)
    name = job.delivery.action["Relay"]
    try:
        target = await look_up(relays.target, name)
    except Conflict as error:
        words = f"SMTP relay {name} can't log in; the message waits: {error}"
        return same_for_all(job, Finish.TEMPORARY, words[:_MAX_WORDS], MISCONFIGURED)
    if target is None:
        words = f"there is no SMTP relay {name}; the message waits for it"
        return same_for_all(job, Finish.TEMPORARY, words, MISCONFIGURED)
    # DEVIATION: MailFrom REPLACE would need an address of the relay that takes bounces and gives them
    # back to the sender; until there is one the reverse-path is preserved, for mail must arrive.
    return await deliver(
        target,
        Transaction(
            reverse_path=job.envelope.reverse_path,
            recipients=job.recipients,
            content=job.content,
            is_smtputf8=job.envelope.is_smtputf8,
        ),
    )


def _hops(content: bytes) -> int:
    header_end = content.find(b"\r\n\r\n")
    return len(_RECEIVED.findall(content[:header_end] if header_end >= 0 else content))
