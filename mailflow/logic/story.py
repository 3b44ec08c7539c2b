"""What can happen to a message, as the trace keeps it."""

from enum import StrEnum


class EventKind(StrEnum):
    """Kinds of TraceEvent; `detail` holds the words in parentheses."""

    REFUSED = "REFUSED"  # (Reply, Explanation)
    ACCEPTED = "ACCEPTED"
