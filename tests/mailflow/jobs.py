"""Attempts as the pipeline makes them, and their results."""

from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync

from core.envelope import Envelope
from mailflow.actions.contract import Job, Result
from mailflow.actions.table import RUNNERS
from mailflow.smtp_client import close_connections
from rulesets.logic.delivery import Delivery

MESSAGE_ID = "0dvj1k8xw9qy" + "m" * 28
CONTENT = b"Received: from c.example by inp.example; Fri, 1 Aug 2026 10:00:00 +0000\r\nSubject: hello\r\n\r\n.dot\r\n"


def job(kind: str, action: dict[str, Any], *recipients: str, **changes: Any) -> Job:
    """One attempt at `action` for the recipients; `changes`: of the job, or of its envelope."""
    recipients = recipients or ("b@y.example",)
    of_job = {name: changes.pop(name) for name in ("content", "attempt") if name in changes}
    position = changes.pop("position", 0)
    envelope = Envelope(
        **{
            "message_id": MESSAGE_ID,
            "endpoint_id": "inp-1",
            "rule_set_id": "rs-1",
            "session_id": "s",
            "received_at": datetime(2026, 8, 1, 10, tzinfo=UTC),
            "peer_address": "192.0.2.1",
            "endpoint_address": "127.25.0.1",
            "helo": "c.example",
            "is_esmtp": True,
            "reverse_path": "a@x.example",
            "forward_paths": recipients,
            "size_bytes": len(CONTENT),
            **changes,
        }
    )
    delivery = Delivery(position, 0, "rule", 0, kind, action, recipients, recipients)
    return Job(envelope, delivery, recipients, **{"content": CONTENT, "attempt": 1, **of_job})


def run(*jobs: Job) -> list[Result]:
    """All results, in order; the jobs one after the other on one event loop."""

    async def batch() -> list[Result]:
        try:
            return [result for wish in jobs for result in await RUNNERS[wish.delivery.kind](wish)]
        finally:
            await close_connections()

    return async_to_sync(batch)()
