"""The table of states."""

import pytest

from endpoints.logic import life
from endpoints.logic.life import MOVES, Mover, Service, Status, Verb
from endpoints.models import IngressEndpoint


def test_the_table_and_the_database_know_the_same_states():
    assert {status.value for status in Status} == set(IngressEndpoint.Status.values)


@pytest.mark.parametrize(
    ("verb", "sources", "targets"),
    [
        ("CREATE", "", "PROVISIONING"),
        ("PROVISIONED", "PROVISIONING", "ACTIVE"),
        ("FAIL", "PROVISIONING", "FAILED"),
        ("RETRY", "FAILED", "PROVISIONING"),
        ("UPDATE", "ACTIVE CLOSED UPDATING", "UPDATING"),
        ("SETTLE", "UPDATING", "ACTIVE CLOSED"),
        ("DELETE", "PROVISIONING ACTIVE UPDATING CLOSED FAILED", "DEPROVISIONING"),
        ("REMOVE", "DEPROVISIONING", ""),
    ],
)
def test_each_verb_moves_from_and_to_these_states(verb, sources, targets):
    move = MOVES[Verb(verb)]
    assert move.sources == {Status(word) for word in sources.split()}
    assert move.targets == {Status(word) for word in targets.split()}
    for status in Status:
        assert life.may(Verb(verb), status) is (status in move.sources)


def test_every_state_is_reached_and_left():
    assert frozenset().union(*(move.targets for move in MOVES.values())) == set(Status)
    assert frozenset().union(*(move.sources for move in MOVES.values())) == set(Status)


def test_what_moves_by_itself_is_what_a_worker_moves():
    moved = [move.sources for move in MOVES.values() if move.mover is Mover.WORKER]
    assert frozenset().union(*moved) == life.MOVING


@pytest.mark.parametrize(
    ("status", "wished", "service"),
    [
        ("PROVISIONING", "PROVISIONING", "PROBED"),
        ("PROVISIONING", "ACTIVE", "OPEN"),
        ("ACTIVE", "ACTIVE", "OPEN"),
        ("UPDATING", "ACTIVE", "OPEN"),
        ("UPDATING", "CLOSED", "CLOSED"),
        ("CLOSED", "CLOSED", "CLOSED"),
        ("FAILED", "PROVISIONING", "NONE"),
        ("DEPROVISIONING", "ACTIVE", "NONE"),
    ],
)
def test_service_follows_state_and_wish(status, wished, service):
    assert life.service_of(Status(status), Status(wished)) is Service(service)
