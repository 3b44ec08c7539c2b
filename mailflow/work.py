"""A message in a worker's hands, and the rows that it is made of."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.envelope import Envelope
from core.message import Message
from mailflow.logic.progress import DeliveryState, Ending
from mailflow.models import SpoolDelivery
from rulesets.logic.delivery import Delivery

MAX_RESULT_LENGTH = 500


@dataclass
class Work:
    """Mutable: `states` by position, as of the last thing that was written down."""

    message_id: str
    envelope: Envelope
    content: bytes
    endpoint_name: str
    states: dict[int, DeliveryState] = field(default_factory=dict)
    hold_reason: str = ""

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


def progress_fields(state: DeliveryState) -> dict[str, Any]:
    """The columns of SpoolDelivery that change from attempt to attempt."""
    return {
        "remaining": list(state.remaining),
        "endings": {recipient: ending.to_document() for recipient, ending in state.endings.items()},
        "state": _summary(state),
        "attempts": state.attempts,
        "first_attempt_at": state.first_attempt_at,
        "next_attempt_at": state.next_attempt_at,
        "last_result": state.last_result[:MAX_RESULT_LENGTH],
    }


def _summary(state: DeliveryState) -> SpoolDelivery.State:
    if not state.is_over:
        return SpoolDelivery.State.PENDING
    if state.is_cancelled:
        return SpoolDelivery.State.CANCELLED
    return SpoolDelivery.State.FAILED if state.is_failed else SpoolDelivery.State.DONE


def row_of(message_id: str, state: DeliveryState) -> SpoolDelivery:
    return SpoolDelivery(
        message_id=message_id,
        position=state.delivery.position,
        step=state.delivery.to_document(),
        **progress_fields(state),
    )


def is_over(states: dict[int, DeliveryState]) -> bool:
    return all(state.is_over for state in states.values())
