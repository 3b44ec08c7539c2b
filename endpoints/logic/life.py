"""The states of an ingress endpoint, and who may move it from where to where.

    create → PROVISIONING → ACTIVE | FAILED        FAILED → retry → PROVISIONING
    update: ACTIVE | CLOSED | UPDATING → UPDATING → ACTIVE | CLOSED
    delete: any → DEPROVISIONING → gone

A claim of the database (`filter(status__in=sources(verb)).update(…)`) makes each move, so that of two
who want to move it one wins.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    PROVISIONING = "PROVISIONING"
    ACTIVE = "ACTIVE"
    UPDATING = "UPDATING"
    CLOSED = "CLOSED"
    FAILED = "FAILED"
    DEPROVISIONING = "DEPROVISIONING"


class Mover(StrEnum):
    PERSON = "PERSON"  # through a service: console, API, command
    WORKER = "WORKER"  # a task, when it has seen what it waited for


class Verb(StrEnum):
    CREATE = "CREATE"
    PROVISIONED = "PROVISIONED"
    FAIL = "FAIL"
    RETRY = "RETRY"
    UPDATE = "UPDATE"
    SETTLE = "SETTLE"
    DELETE = "DELETE"
    REMOVE = "REMOVE"


@dataclass(frozen=True, slots=True)
class Move:
    """From any of `sources` (none: it does not exist yet) to one of `targets` (none: it is gone)."""

    mover: Mover
    sources: frozenset[Status]
    targets: frozenset[Status]


def _move(mover: Mover, sources: set[Status], targets: set[Status]) -> Move:
    return Move(mover, frozenset(sources), frozenset(targets))


MOVES: dict[Verb, Move] = {
    Verb.CREATE: _move(Mover.PERSON, set(), {Status.PROVISIONING}),
    Verb.PROVISIONED: _move(Mover.WORKER, {Status.PROVISIONING}, {Status.ACTIVE}),
    Verb.FAIL: _move(Mover.WORKER, {Status.PROVISIONING}, {Status.FAILED}),
    Verb.RETRY: _move(Mover.PERSON, {Status.FAILED}, {Status.PROVISIONING}),
    # A change may overtake one that still spreads: the worker settles only what it has seen whole.
    Verb.UPDATE: _move(Mover.PERSON, {Status.ACTIVE, Status.CLOSED, Status.UPDATING}, {Status.UPDATING}),
    Verb.SETTLE: _move(Mover.WORKER, {Status.UPDATING}, {Status.ACTIVE, Status.CLOSED}),
    Verb.DELETE: _move(Mover.PERSON, set(Status) - {Status.DEPROVISIONING}, {Status.DEPROVISIONING}),
    Verb.REMOVE: _move(Mover.WORKER, {Status.DEPROVISIONING}, set()),
}

# What turns by itself into something else; pages that show it ask again.
MOVING = frozenset({Status.PROVISIONING, Status.UPDATING, Status.DEPROVISIONING})

# What a person may wish by an update (IngressPointStatusToUpdate of the service model).
WISHES = frozenset({Status.ACTIVE, Status.CLOSED})

# Whose names the DNS answers: a failed endpoint was never public, a leaving one is so no more.
NAMED = frozenset({Status.PROVISIONING, Status.ACTIVE, Status.UPDATING, Status.CLOSED})


def sources(verb: Verb) -> frozenset[Status]:
    return MOVES[verb].sources


def target(verb: Verb) -> Status:
    """Where a verb with one target leads."""
    (status,) = MOVES[verb].targets
    return status


def may(verb: Verb, status: Status) -> bool:
    return status in MOVES[verb].sources


class Service(StrEnum):
    """How the ingress treats connections to an endpoint's addresses."""

    PROBED = "PROBED"  # greets with 220 for the probe, takes no mail
    OPEN = "OPEN"
    CLOSED = "CLOSED"  # 421 to each connection
    NONE = "NONE"  # not listened on


def service_of(status: Status, wished: Status) -> Service:
    """`wished`: PROVISIONING until the probe has seen the listener, then ACTIVE or CLOSED.

    PROVISIONING with ACTIVE wished is open already: it only waits until each ingress process
    has heard of it, so that who reads "Active" can send at once.
    """
    match status:
        case Status.ACTIVE:
            return Service.OPEN
        case Status.CLOSED:
            return Service.CLOSED
        case Status.UPDATING:
            return Service.CLOSED if wished is Status.CLOSED else Service.OPEN
        case Status.PROVISIONING:
            return Service.OPEN if wished is Status.ACTIVE else Service.PROBED
        case Status.FAILED | Status.DEPROVISIONING:
            return Service.NONE
