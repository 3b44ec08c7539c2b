"""A message in a worker's hands, and the rows that it is made of."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings

from core.envelope import Envelope
from core.message import Message
from mailflow.logic.progress import DeliveryState, Ending
from mailflow.logic.text import fit
from mailflow.models import SpoolDelivery
from mailflow.sql import bulk_cursor, stored_time
from mailflow.trace import Story
from rulesets.logic.delivery import Delivery

MAX_RESULT_LENGTH = 500

PROGRESS_COLUMNS = (
    "remaining",
    "endings",
    "state",
    "attempts",
    "first_attempt_at",
    "next_attempt_at",
    "last_result",
)
_TABLE = SpoolDelivery._meta.db_table
_INSERT = (
    f"INSERT INTO {_TABLE} (message_id, position, step, {', '.join(PROGRESS_COLUMNS)})"  # noqa: S608
    f" VALUES ({', '.join(['%s'] * (3 + len(PROGRESS_COLUMNS)))})"
)
_UPDATE = (
    f"UPDATE {_TABLE} SET {', '.join(f'{column} = %s' for column in PROGRESS_COLUMNS)}"  # noqa: S608
    " WHERE message_id = %s AND position = %s"
)


@dataclass
class Work:
    """Mutable: `states` by position, as of the last thing that was written down, or as planned now where
    `untold` is the beginning of a story that nobody wrote down yet, and the plan neither."""

    message_id: str
    envelope: Envelope
    content: bytes
    endpoint_name: str
    states: dict[int, DeliveryState] = field(default_factory=dict)
    hold_reason: str = ""
    untold: Story | None = None
    running: set[int] = field(default_factory=set)  # positions whose attempt is not written down yet
    is_lost: bool = False  # its lease went over to another, which goes on with it
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def is_planned(self) -> bool:
        """In the database."""
        return self.untold is None

    @cached_property
    def message(self) -> Message:
        return Message(self.content)


def state_of(row: SpoolDelivery) -> DeliveryState:
    return DeliveryState(
        delivery=Delivery.from_document(row.step),
        remaining=tuple(row.remaining),
        next_attempt_at=row.next_attempt_at,
        endings={recipient: Ending.from_document(ending) for recipient, ending in row.endings.items()},
        attempts=row.attempts,
        first_attempt_at=row.first_attempt_at,
        last_result=row.last_result,
    )


def columns(state: DeliveryState) -> tuple[Any, ...]:
    """What changes from attempt to attempt, as stored: PROGRESS_COLUMNS in order."""
    alias = settings.SPOOL_ALIAS
    return (
        json.dumps(state.remaining),
        json.dumps({recipient: ending.to_document() for recipient, ending in state.endings.items()}),
        _summary(state).value,
        state.attempts,
        stored_time(alias, state.first_attempt_at),
        stored_time(alias, state.next_attempt_at),
        fit(state.last_result, MAX_RESULT_LENGTH),
    )


def _summary(state: DeliveryState) -> SpoolDelivery.State:
    if not state.is_over:
        return SpoolDelivery.State.PENDING
    if state.is_cancelled:
        return SpoolDelivery.State.CANCELLED
    return SpoolDelivery.State.FAILED if state.is_failed else SpoolDelivery.State.DONE


def insert(deliveries: Iterable[tuple[str, DeliveryState]]) -> None:
    """New deliveries, each with its message's ID; within a transaction of the spool."""
    rows = [
        (message_id, state.delivery.position, json.dumps(state.delivery.to_document()), *columns(state))
        for message_id, state in deliveries
    ]
    _write(_INSERT, rows)


def update(deliveries: Iterable[tuple[str, DeliveryState]]) -> None:
    """Their progress; within a transaction of the spool."""
    _write(
        _UPDATE, [(*columns(state), message_id, state.delivery.position) for message_id, state in deliveries]
    )


def _write(statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        with bulk_cursor(settings.SPOOL_ALIAS) as cursor:
            cursor.executemany(statement, rows)


def is_over(states: dict[int, DeliveryState]) -> bool:
    return all(state.is_over for state in states.values())
