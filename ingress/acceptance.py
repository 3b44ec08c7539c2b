"""From the end of the data to a durable message, and the record of what was refused instead."""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Protocol

import structlog

from core import reply
from core.envelope import ClientCertificate, Envelope
from core.errors import MailError
from core.identifiers import new_message_id
from core.reply import Reply
from ingress.journal import Journal
from ingress.logic.content import Content
from ingress.logic.conversation import Conversation
from ingress.logic.events import Refused
from ingress.logic.received import received_field
from ingress.logic.transfer import LargeMessage
from ingress.tally import Tally
from mailflow.large_content import LargeContent
from mailflow.refusals import Refusal

log = structlog.get_logger()

# The trace keeps what every statement said; of longer policies only the one that decided.
_MAX_EXPLAINED_STATEMENTS = 100


class SpoolLike(Protocol):
    """mailflow.spool.Spool: `settled(None)` when the message is on disk, `settled(error)` where it is not."""

    def submit(
        self, envelope: Envelope, content: bytes | LargeContent, settled: Callable[[MailError | None], None]
    ) -> None: ...


class RefusalsLike(Protocol):
    """mailflow.refusals.RefusalRecorder: never blocks, never fails."""

    def record(self, refusal: Refusal) -> None: ...


class Connection(Protocol):
    """What is told of a session to spool, trace and log."""

    @property
    def session_id(self) -> str: ...

    peer_address: str
    endpoint_address: str
    tls_cipher: str
    client_certificate: ClientCertificate | None
    conversation: Conversation
    note_message: Callable[[int, int], None] | None  # its recipients and bytes; None: nobody counts them


class Acceptance:
    """Shared by all sessions of a process."""

    def __init__(self, spool: SpoolLike, refusals: RefusalsLike, journal: Journal, tally: Tally) -> None:
        self._spool = spool
        self._refusals = refusals
        self._journal = journal
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._date = ""
        self._date_second = 0

    def accept(
        self, connection: Connection, content: Content | LargeMessage, answer: Callable[[Reply], None]
    ) -> None:
        """Stores the message of the connection's transaction and calls `answer`, later, with what its
        client shall hear. Without a task for each message, which would cost as much as its commands."""
        conversation = connection.conversation
        now = datetime.now(UTC)
        envelope = _envelope(connection, conversation, now, len(content))
        field = received_field(envelope, conversation.terms.endpoint.host_name, self._date_of(now))
        if isinstance(content, LargeMessage):
            content.file.complete(
                field, content.rest, partial(self._accept_large, connection, envelope, answer)
            )
            return
        try:
            self._spool.submit(
                envelope, b"".join((field, content)), partial(self._settled, connection, envelope, answer)
            )
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs, and unknown faults are temporary
            self._loop.call_soon(answer, self._not_stored(connection, envelope, error))

    def _accept_large(
        self,
        connection: Connection,
        envelope: Envelope,
        answer: Callable[[Reply], None],
        content: LargeContent | OSError,
    ) -> None:
        """On the loop, when all of it lies in its file, or can't."""
        if isinstance(content, OSError):
            error = MailError(str(content), reply=reply.STORAGE_FULL)
            answer(self._not_stored(connection, envelope, error))
            return

        def settled(error: MailError | None) -> None:
            content.close()
            self._settled(connection, envelope, answer, error)

        try:
            self._spool.submit(envelope, content, settled)
        except Exception as error:  # noqa: BLE001 - the session's edge: it logs, and unknown faults are temporary
            content.close()
            answer(self._not_stored(connection, envelope, error))

    def _settled(
        self,
        connection: Connection,
        envelope: Envelope,
        answer: Callable[[Reply], None],
        error: MailError | None,
    ) -> None:
        if error is not None:
            answer(self._not_stored(connection, envelope, error))
        else:
            tally = self._tally.by_type[connection.conversation.terms.endpoint.type]
            tally.messages += 1
            tally.message_bytes += envelope.size_bytes
            if connection.note_message is not None:
                connection.note_message(len(envelope.forward_paths), envelope.size_bytes)
            self._journal.accepted(envelope)
            answer(reply.accepted(envelope.message_id))

    def refuse(self, connection: Connection, event: Refused) -> None:
        """Into log and trace."""
        conversation = connection.conversation
        endpoint = conversation.terms.endpoint
        now = datetime.now(UTC)
        self._tally.refused(event.reply)
        log.info(
            "mail_refused",
            session_id=connection.session_id,
            endpoint=endpoint.id,
            peer=connection.peer_address,
            reverse_path=event.reverse_path,
            recipients=list(event.forward_paths),
            code=event.reply.code,
            enhanced_code=event.reply.enhanced_code,
        )
        for mailbox in event.forward_paths or ("",):
            self._refusals.record(
                Refusal(
                    endpoint_id=endpoint.id,
                    endpoint_name=endpoint.name,
                    session_id=connection.session_id,
                    at=now,
                    peer_address=connection.peer_address,
                    helo=conversation.session.host_name or "",
                    tls_version=conversation.tls_version or "",
                    reverse_path=event.reverse_path,
                    recipient=mailbox,
                    reply=event.reply,
                    explanation=_explanation(conversation, event.reply, mailbox),
                )
            )

    def _not_stored(self, connection: Connection, envelope: Envelope, error: BaseException) -> Reply:
        if isinstance(error, MailError):
            answer = error.reply
            log.warning(
                "message_not_accepted",
                session_id=connection.session_id,
                endpoint=envelope.endpoint_id,
                code=answer.code,
                reason=str(error),
            )
        else:
            answer = local_error(connection, error)
        self._tally.refused(answer)
        return answer

    def _date_of(self, now: datetime) -> str:
        second = int(now.timestamp())
        if second != self._date_second:
            self._date, self._date_second = format_datetime(now), second
        return self._date


def _envelope(connection: Connection, conversation: Conversation, now: datetime, size_bytes: int) -> Envelope:
    transaction, session = conversation.envelope, conversation.session
    endpoint = conversation.terms.endpoint
    assert transaction is not None, "a message without a transaction"
    return Envelope(
        message_id=new_message_id(time.time_ns()),
        endpoint_id=endpoint.id,
        rule_set_id=endpoint.rule_set_id,
        session_id=connection.session_id,
        received_at=now,
        peer_address=connection.peer_address,
        endpoint_address=connection.endpoint_address,
        helo=session.host_name or "",
        is_esmtp=session.extended_smtp,
        reverse_path=transaction.mail_from or "",
        forward_paths=tuple(transaction.rcpt_tos),
        size_bytes=size_bytes,
        tls_version=conversation.tls_version,
        tls_cipher=connection.tls_cipher,
        authenticated_as=endpoint.id if session.authenticated else "",
        is_smtputf8=transaction.smtp_utf8,
        is_8bitmime="BODY=8BITMIME" in transaction.mail_options,
        client_certificate=connection.client_certificate,
    )


def _explanation(conversation: Conversation, refusal: Reply, mailbox: str) -> dict[str, object] | None:
    """Why the policy refused; None where it was not the policy."""
    if refusal not in (reply.ACCESS_DENIED, reply.ACCESS_UNKNOWN):
        return None
    explained = conversation.terms.endpoint.policy.explain(
        mailbox, conversation.peer, conversation.tls_version
    ).to_document()
    if len(explained["Statements"]) > _MAX_EXPLAINED_STATEMENTS:
        explained["Statements"] = []
    return explained


def local_error(connection: Connection, error: BaseException) -> Reply:
    """Logs the error under a reference that the reply tells, and nothing else."""
    reference = secrets.token_hex(6)
    log.error("session_failed", reference=reference, session_id=connection.session_id, exc_info=error)
    return reply.local_error(reference)
