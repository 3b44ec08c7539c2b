"""One request to the API, understood, and the seam to what carries it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from access.actor import Actor

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """`input` fits the operation's input shape: blobs are bytes, timestamps aware datetimes. `base_url`:
    scheme and host under which the client knows us."""

    actor: Actor
    service: str  # as botocore names it: `mailmanager`
    operation: str
    input: Document
    request_id: str
    base_url: str = ""


# What it returns fits the output shape (None members are left out; datetimes and bytes as they are);
# what it refuses it raises as a ServiceError, which api.errors turns into the service's exception.
Operation = Callable[[Call], Document]
