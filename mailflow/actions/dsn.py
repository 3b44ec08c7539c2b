"""Sends a bounce to the one who sent what it tells of."""

from mailflow.actions.contract import Job, Result
from mailflow.outbound import send


async def run(job: Job) -> list[Result]:
    """With the null reverse-path, so that nobody bounces a bounce (RFC 5321 §4.5.5)."""
    return [await send("", recipient, job.content) for recipient in job.recipients]
