"""Several processes share out the tests by modules."""

import os
import subprocess
import sys

from tests.servers.worker import REPOSITORY

_MODULE = """
import os
import pytest

@pytest.mark.parametrize("number", range(12))
def test_who(number):
    with open("{name}.log", "a") as log:
        log.write(f"{{os.environ['PYTEST_XDIST_WORKER']}} {{number}}\\n")
"""


def test_each_module_is_run_by_one_process_and_in_its_order(tmp_path):
    (tmp_path / "pytest.ini").touch()
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(_MODULE.format(name=name))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.sharing", "-p", "no:django", "-n", "2"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        check=True,
    )
    for name in ("one", "two", "three"):
        lines = [line.split() for line in (tmp_path / f"{name}.log").read_text().splitlines()]
        assert len({process for process, _ in lines}) == 1, f"{name} was split"
        assert [int(number) for _, number in lines] == list(range(12))
