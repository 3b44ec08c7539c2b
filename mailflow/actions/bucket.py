"""WriteToS3: the raw message as `<prefix>/<message id>` into a local bucket."""

import asyncio

from destinations import files
from destinations import services as destinations
from mailflow.actions.configured import MISCONFIGURED, NEVER_CONFIGURED, look_up, same_for_all
from mailflow.actions.contract import Finish, Job, Result
from mailflow.actions.local_role import refusal_of_role
from mailflow.actions.storage_faults import of_fault


async def run(job: Job) -> list[Result]:
    if refusal := await refusal_of_role(job):
        return refusal
    action = job.delivery.action
    if action.get("S3SseKmsKeyId"):
        words = "local buckets do not encrypt with a key (S3SseKmsKeyId); it is not stored in the clear"
        return same_for_all(job, Finish.PERMANENT, words, NEVER_CONFIGURED)
    prefix = [part for part in action.get("S3Prefix", "").split("/") if part]
    if not all(map(files.is_file_name, prefix)):
        words = f"the prefix {action['S3Prefix']!r} leads out of the bucket"
        return same_for_all(job, Finish.PERMANENT, words, NEVER_CONFIGURED)
    bucket = await look_up(destinations.find_bucket, action["S3Bucket"])
    if bucket is None:
        words = f"there is no bucket {action['S3Bucket']}; the message waits for it"
        return same_for_all(job, Finish.TEMPORARY, words, MISCONFIGURED)
    try:
        await asyncio.to_thread(_store, [*bucket.parts, *prefix], job.envelope.message_id, job.content)
    except OSError as error:
        return of_fault(job, f"bucket {bucket.name}", error)
    key = "/".join([*prefix, job.envelope.message_id])
    return same_for_all(job, Finish.DONE, f"stored as {key} in bucket {bucket.name}", "2.0.0")


def _store(directory: list[str], message_id: str, content: bytes) -> None:
    """Blocks."""
    with files.open_directory(directory, make=True) as descriptor:
        files.write_files(descriptor, {message_id: content})
