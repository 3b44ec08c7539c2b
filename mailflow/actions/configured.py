"""What an action names (relay, mailbox, bucket, role), as it is configured now.

Asked at every attempt, so that a change reaches mail that is waiting; within half a second the
messages of a batch share an answer. Where a thing isn't there, the attempt fails temporarily: mail
that waits in the queue has the administrator's time to put it back, a bounce can't be taken back.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import connection

from core.errors import NotFound
from mailflow.actions.contract import Finish, Job, Result

MISCONFIGURED = "4.3.5"  # RFC 3463 §3.4: system incorrectly configured, persistent transient
NEVER_CONFIGURED = "5.3.5"
_SHARED_SECONDS = 0.5

_T = TypeVar("_T")
_Answers = dict[tuple[Callable[[str], Any], str], tuple[float, Any]]
# One for each event loop, which is mostly one for each batch.
_answers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Answers] = WeakKeyDictionary()


async def look_up(find: Callable[[str], _T], name: str) -> _T | None:
    """`find(name)` of a service; None where it raises NotFound."""
    answers = _answers.setdefault(asyncio.get_running_loop(), {})
    if _is_fresh(answers, find, name):
        found: _T = answers[find, name][1]
        return found
    return await sync_to_async(_ask)(answers, find, name)


def _ask(answers: _Answers, find: Callable[[str], _T], name: str) -> _T | None:
    # All of a batch ask at once, one after the other on this thread: the first asks for them too.
    if _is_fresh(answers, find, name):
        found: _T = answers[find, name][1]
        return found
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    try:
        found = find(name)
    except NotFound:
        return None
    answers[find, name] = time.monotonic(), found
    return found


def _is_fresh(answers: _Answers, find: Callable[[str], Any], name: str) -> bool:
    answer = answers.get((find, name))
    return answer is not None and time.monotonic() - answer[0] < _SHARED_SECONDS


def same_for_all(job: Job, finish: Finish, words: str, status: str = "") -> list[Result]:
    """One Result for each recipient of the job."""
    return [Result(recipient, finish, words, status) for recipient in job.recipients]
