"""How a state looks: an icon, a word and a colour, never a colour alone."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise


class Tone(StrEnum):
    PENDING = "pending"  # on its way; polled until it rests
    SUCCESS = "success"
    INFO = "info"
    STOPPED = "stopped"
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Look:
    """`label`: a lazily translated word. `icon`: a name of console.icons.

    An app has one table, value → Look.
    """

    label: str | Promise
    icon: str
    tone: Tone | str
