"""A pytest plugin that shares the tests out among processes (`-p tests.sharing`, `pytest -n 2`).

A module is run whole, in its order, by one process: its servers are started once, and what its tests
lead to one after the other stays together. `--dist loadgroup` can't be had for that: from pytest 9.2 on
it spreads a group over all processes, without a word (pytest-xdist #1386).
"""

from collections import defaultdict
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    config.option.loadscopereorder = False  # ours is the better order
    return LoadFileScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Modules that may take long come first, so that no process works on one while the others have ended."""
    if not hasattr(config, "workerinput"):
        return
    seconds: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        if (timeout := item.get_closest_marker("timeout")) is not None:
            seconds[item.path] = max(seconds[item.path], timeout.args[0])
    items.sort(key=lambda item: -seconds[item.path])
