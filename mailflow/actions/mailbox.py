"""DeliverToMailbox: into a Maildir of ours, or to an LMTP server. Final delivery (RFC 5321 §4.4)."""

import asyncio
import hashlib
import re

from destinations import files
from destinations import services as destinations
from destinations.models import Mailbox
from mailflow.actions.configured import MISCONFIGURED, look_up, same_for_all
from mailflow.actions.contract import Finish, Job, Result
from mailflow.actions.local_role import refusal_of_role
from mailflow.actions.storage_faults import of_fault
from mailflow.smtp_client import Transaction, deliver
from relays.conversation import Target, TlsUse

_LINE_BREAKS = re.compile(r"[\r\n\0]")


async def run(job: Job) -> list[Result]:
    if refusal := await refusal_of_role(job):
        return refusal
    name = job.delivery.action["MailboxArn"]
    mailbox = await look_up(destinations.find_mailbox, name)
    if mailbox is None:
        words = f"there is no mailbox {name}; the message waits for it"
        return same_for_all(job, Finish.TEMPORARY, words, MISCONFIGURED)
    if mailbox.kind == Mailbox.Kind.LMTP:
        return await _to_lmtp_server(job, mailbox)
    try:
        await asyncio.to_thread(_to_maildir, job, mailbox.parts)
    except OSError as error:
        return of_fault(job, f"mailbox {mailbox.name}", error)
    return same_for_all(job, Finish.DONE, f"stored in mailbox {mailbox.name}", "2.0.0")


async def _to_lmtp_server(job: Job, mailbox: Mailbox) -> list[Result]:
    """The server adds Return-Path and what else belongs to final delivery (RFC 2033 §3)."""
    assert mailbox.lmtp_port, "an LMTP mailbox without a port"
    return await deliver(
        Target(mailbox.lmtp_host, mailbox.lmtp_port, TlsUse.OPTIONAL, is_lmtp=True),
        Transaction(
            reverse_path=job.envelope.reverse_path,
            recipients=job.recipients,
            content=job.content,
            is_smtputf8=job.envelope.is_smtputf8,
        ),
    )


def _to_maildir(job: Job, parts: tuple[str, ...]) -> None:
    """A file for each recipient: complete in tmp, then renamed into new (maildir(5)). Blocks."""
    # As every program that reads a Maildir expects; nothing is lost, for the ingress takes no bare LF.
    content = job.content.replace(b"\r\n", b"\n")
    contents = {
        _file_name(job, recipient): _trace_fields(job, recipient) + content for recipient in job.recipients
    }
    with (
        files.open_directory([*parts, "cur"], make=True),  # readers want all three
        files.open_directory([*parts, "tmp"], make=True) as tmp,
        files.open_directory([*parts, "new"], make=True) as new,
    ):
        files.write_files(new, contents, drafts=tmp)


def _file_name(job: Job, recipient: str) -> str:
    """The same at each attempt, so that a second one writes over what the first may have left."""
    seconds = int(job.envelope.received_at.timestamp())
    place = hashlib.sha256(recipient.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{seconds}.M{job.envelope.message_id}P{job.delivery.position}R{place}.mailmanager"


def _trace_fields(job: Job, recipient: str) -> bytes:
    reverse_path, mailbox = (_LINE_BREAKS.sub("", path) for path in (job.envelope.reverse_path, recipient))
    fields = f"Return-Path: <{reverse_path}>\nDelivered-To: {mailbox}\n"
    return fields.encode("utf-8", "surrogateescape")
