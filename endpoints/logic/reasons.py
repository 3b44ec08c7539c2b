"""Why an endpoint is not where it should be: a code with details, stored as JSON text, said in the
reader's language by `endpoints.wording`."""

import json
from dataclasses import dataclass, field
from enum import StrEnum


class ReasonCode(StrEnum):
    POOL_UNREADABLE = "POOL_UNREADABLE"  # problem
    POOL_EXHAUSTED = "POOL_EXHAUSTED"  # family, in_use, resting
    NO_LISTENER = "NO_LISTENER"  # address, port, problem
    FOREIGN_LISTENER = "FOREIGN_LISTENER"  # address, port, heard
    NOT_CONFIRMED = "NOT_CONFIRMED"  # an update that the ingress has not shown yet; address, port, problem


@dataclass(frozen=True, slots=True)
class Reason:
    code: ReasonCode
    details: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        return json.dumps({"code": self.code.value, **self.details}, ensure_ascii=False)


def read_reason(text: str) -> Reason | None:
    """The reason stored as `text`; None for "" and for what was written by nobody of ours."""
    try:
        stored = json.loads(text)
        code = ReasonCode(stored.pop("code"))
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return Reason(code, {str(name): str(value) for name, value in stored.items()})
