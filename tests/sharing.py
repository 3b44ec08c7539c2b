"""A pytest plugin that shares the tests out among processes (`-p tests.sharing`, `pytest -n 2`).

A module is run whole, in its order, by one process: its servers are started once, and what its tests
lead to one after the other stays together. `--dist loadgroup` can't be had for that: from pytest 9.2 on
it spreads a group over all processes, without a word (pytest-xdist #1386).
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return LoadFileScheduling(config, log)
