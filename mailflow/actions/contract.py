"""The seam between the pipeline and what does an action: one runner for each kind.

`async def run(job: Job) -> list[Result]`, called on the worker's event loop, once an attempt, for the
recipients that no earlier attempt finished. It returns one Result for each recipient in
`job.recipients`, has its own time-outs, and may run beside others of the same message. What it raises,
but for NotNow, the pipeline logs and takes as temporary for every recipient. A runner that stores
(bucket, Maildir) may be called again for what it did, when a worker died before it wrote the result
down: it derives names from `message_id` and position, so that the second time writes over the first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from core.envelope import Envelope
from rulesets.logic.delivery import Delivery


class Finish(StrEnum):
    DONE = "DONE"
    TEMPORARY = "TEMPORARY"  # try again later
    PERMANENT = "PERMANENT"  # never will; the failure policy decides, and mostly a bounce


class NotNow(Exception):
    """Raised by a runner that tried nothing, because whom it needs is busy with others' mail, or does not
    answer. No attempt is counted: it is called again within minutes."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to for one recipient.

    `words`: for the trace, one line, in English, at most 500 characters, no secrets: `mx.y.example said
    250 2.0.0 Ok`. `status`: enhanced status code for a bounce (RFC 3463), "" to take the usual one.
    `remote`: host that said it, "" where it was this machine.
    """

    recipient: str
    finish: Finish
    words: str
    status: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt. `content` has the delivery's added headers already on top; CRLF line endings."""

    envelope: Envelope
    delivery: Delivery
    recipients: tuple[str, ...]
    content: bytes
    attempt: int  # 1 = first


Runner = Callable[[Job], Awaitable[list[Result]]]
