"""What an action names (relay, mailbox, bucket, role), as it is configured now.

Asked at every attempt, so that a change reaches mail that is waiting; within half a second the
messages of a batch share an answer. Where a thing isn't there, the attempt fails temporarily: mail
that waits in the queue has the administrator's time to put it back, a bounce can't be taken back.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
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
_Asked = tuple[Callable[[str], Any], str]


@dataclass
class _Answers:
    """`given`: (when, the answer); `asking`: who is at it now, for all who want to know the same."""

    given: dict[_Asked, tuple[float, Any]] = field(default_factory=dict)
    asking: "dict[_Asked, asyncio.Task[Any]]" = field(default_factory=dict)


# One for each event loop, which is mostly one for each batch.
_answers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Answers] = WeakKeyDictionary()


async def look_up(find: Callable[[str], _T], name: str) -> _T | None:
    """`find(name)` of a service; None where it raises NotFound."""
    loop = asyncio.get_running_loop()
    answers, asked = _answers.setdefault(loop, _Answers()), (find, name)
    found: _T
    at, found = answers.given.get(asked, (float("-inf"), None))
    if time.monotonic() - at < _SHARED_SECONDS:
        return found
    asking = answers.asking.get(asked)
    if asking is None:
        # A task of its own: who asked first may be cancelled, and the others still wait.
        asking = answers.asking[asked] = loop.create_task(sync_to_async(_ask)(find, name))
        asking.add_done_callback(lambda task: _keep(answers, asked, task))
    try:
        found = await asyncio.shield(asking)
    except NotFound:
        return None
    return found


def _keep(answers: _Answers, asked: _Asked, task: "asyncio.Task[Any]") -> None:
    del answers.asking[asked]
    if not task.cancelled() and task.exception() is None:
        answers.given[asked] = time.monotonic(), task.result()


def _ask(find: Callable[[str], _T], name: str) -> _T:
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    return find(name)


def same_for_all(job: Job, finish: Finish, words: str, status: str = "") -> list[Result]:
    """One Result for each recipient of the job."""
    return [Result(recipient, finish, words, status) for recipient in job.recipients]
