"""What an ingress process did, as plain numbers that the event loop adds to.

Nothing else is done for a message: no lock, no metric, no clock. `ingress.reporting` reads them each second.
"""

from collections import defaultdict
from enum import StrEnum

from core.reply import Reply
from endpoints.logic.snapshot import EndpointType


class Handshake(StrEnum):
    """Beside the TLS versions of those that succeeded."""

    FAILED = "failed"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"


class Authentication(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"


class TypeTally:
    """Of one type of endpoint. `open_sessions` goes up and down, all others only up."""

    __slots__ = ("message_bytes", "messages", "open_sessions", "sessions")

    def __init__(self) -> None:
        self.sessions = 0
        self.open_sessions = 0
        self.messages = 0
        self.message_bytes = 0


class Tally:
    """`refusals`: by the reply's code and enhanced code."""

    __slots__ = ("authentications", "by_type", "handshakes", "refusals")

    def __init__(self) -> None:
        self.by_type = {endpoint_type: TypeTally() for endpoint_type in EndpointType}
        self.refusals: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.handshakes: defaultdict[str, int] = defaultdict(int)
        self.authentications: defaultdict[str, int] = defaultdict(int)

    def refused(self, reply: Reply) -> None:
        self.refusals[reply.code, reply.enhanced_code] += 1
