"""Faults of the disk: all of them can be mended, so all are temporary."""

import errno
import os

import structlog

from mailflow.actions.configured import MISCONFIGURED, same_for_all
from mailflow.actions.contract import Finish, Job, Result

log = structlog.get_logger()

_STATUS = {
    errno.ENOSPC: "4.3.1",  # RFC 3463 §3.4: mail system full
    errno.EDQUOT: "4.2.2",  # §3.3: mailbox full
    errno.ELOOP: MISCONFIGURED,  # a symbolic link stands where a directory should
    errno.ENOTDIR: MISCONFIGURED,
    errno.EACCES: MISCONFIGURED,
    errno.EROFS: MISCONFIGURED,
}


def of_fault(job: Job, where: str, error: OSError) -> list[Result]:
    """One Result for each recipient; nothing was stored. `where`: `bucket archive`."""
    log.warning("message_not_stored", message_id=job.envelope.message_id, where=where, error=str(error))
    words = os.strerror(error.errno) if error.errno else "unknown fault"
    return same_for_all(
        job, Finish.TEMPORARY, f"writing into {where} failed: {words}", _STATUS.get(error.errno or 0, "4.3.0")
    )
