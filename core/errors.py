"""Everything that can be wrong with a wish, and with a message.

ServiceError                 a verb of a room refuses; nothing was changed
├── Invalid                  the input is wrong; one Problem for each place
├── NotFound                 no such resource
├── Conflict                 the state forbids it: taken name, in use, already moving
├── QuotaExceeded            one more would be too many
└── Forbidden                this person may not
MailError                    ends a mail transaction; carries the reply that the peer hears
"""

from collections.abc import Iterable
from dataclasses import dataclass

from core.reply import Reply


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document or a form.

    `path`: where, in the words of the input: `Rules[2].Actions[0].Relay`, `name`; "" is the whole.
    `message`: a sentence for the person who typed it, that says what would be right.
    `constraint`: the same in the service's words, where a constraint of its model is broken.
    """

    path: str
    message: str
    constraint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ServiceError(Exception):
    """A verb refuses. `str(self)` is one clear line, fit for console, API and terminal alike."""


class Invalid(ServiceError):
    """The input is wrong. `problems` is never empty; paths are those of the verb's parameters."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        assert self.problems, "Invalid without a problem"
        super().__init__("; ".join(map(str, self.problems)))

    @classmethod
    def at(cls, path: str, message: str) -> "Invalid":
        return cls([Problem(path, message)])


class NotFound(ServiceError):
    """No such resource."""


class Conflict(ServiceError):
    """The state of things forbids it. `path` names the parameter to blame, where there is one."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class QuotaExceeded(ServiceError):
    """One more would be too many; the message names the limit and its setting."""


class Forbidden(ServiceError):
    """This person may not do this."""


class MailError(Exception):
    """Ends a transaction. `reply`: heard by the peer, generic. `str(self)`: for our log only."""

    def __init__(self, reason: str, *, reply: Reply) -> None:
        super().__init__(reason)
        self.reply = reply
        self.temporary = reply.is_temporary
