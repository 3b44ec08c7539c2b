"""The default of an update verb's fields: "leave it as it is", where None is a value of its own."""

from enum import Enum
from typing import Final


class Unset(Enum):
    """`name: str | Unset = UNSET`; `if name is not UNSET` narrows to `str`."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET
