"""Each message that got its 250 is delivered, whichever part is killed meanwhile; counted.

`script/bench kills` does the same with as many kills as one likes.
"""

import pytest

from tests.e2e.kills import ENVIRONMENT, Outcome, kill_under_load
from tests.servers.postgres import postgres
from tests.servers.system import running_system

# The databases are this module's own choice, whatever the run of the tests works on.
pytestmark = pytest.mark.timeout(900)

_PER_SECOND = 200


def test_every_250_is_kept_over_kills_on_sqlite():
    with running_system(environment=ENVIRONMENT) as system:
        _all_is_well(kill_under_load(system, ["ingress", "worker", "redis"], per_second=_PER_SECOND))


def test_every_250_is_kept_over_kills_on_postgresql():
    with (
        postgres(is_durable=True) as cluster,
        running_system(database_url=cluster.url, environment=ENVIRONMENT) as system,
    ):
        victims = ["ingress", "worker", "redis", "postgresql"]
        _all_is_well(kill_under_load(system, victims, per_second=_PER_SECOND, postgres=cluster))


def _all_is_well(outcome: Outcome) -> None:
    print(outcome)
    assert outcome.unexpected == []
    assert outcome.accepted == outcome.sent  # the sender goes on until it has a 250
    assert not outcome.missing
    assert not outcome.strange
    assert not outcome.excess
    # And the trace has come to the end of each story.
    assert outcome.outcomes == {"DELIVERED": outcome.accepted}
