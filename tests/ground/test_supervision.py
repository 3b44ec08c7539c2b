"""The supervisor itself, on small programs: names before lines, restarts, order, one at a time."""

import os
import signal
import sys

import pytest

from mailmanager.processes import ProcessSpec, chosen_specs, process_specs
from mailmanager.supervision import configuration
from tests.servers.process import Process, running, wait_until
from tests.servers.worker import REPOSITORY

# A supervisor with two programs; each says when it begins, and when it is told to end.
_PROGRAM = """
import os, signal, sys, time
def end(*_):
    print(sys.argv[1], "ends", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print(sys.argv[1], "runs as", os.getpid(), flush=True)
sys.stderr.write("half a line, ")
sys.stderr.flush()
time.sleep(0.1)
sys.stderr.write("100 % of it\\n")
sys.stderr.flush()
while True: time.sleep(60)
"""
_SUPERVISOR = """
import pathlib, sys
from mailmanager import supervision
from mailmanager.processes import ProcessSpec
program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
specs = [ProcessSpec(name, [sys.executable, program, name]) for name in ("first", "second")]
with supervision.sole_supervisor(folder):
    supervision.run(specs, folder, folder)
"""


@pytest.fixture
def start(tmp_path):
    """Starts a supervisor; its `Process`."""

    def start_one(log="stream"):
        program = tmp_path / "program.py"
        program.write_text(_PROGRAM)
        command = [sys.executable, "-c", _SUPERVISOR, program, tmp_path]
        return Process(command, log=tmp_path / log, env={"PYTHONPATH": str(REPOSITORY)})

    return start_one


def _pids(output, name):
    marker = f"{name:<10} | {name} runs as "
    return [int(line.removeprefix(marker)) for line in output.splitlines() if line.startswith(marker)]


def _runs(supervisor):
    return supervisor.output.count("% of it") == 2


def test_each_line_has_its_process_name_and_is_whole(start):
    with running(start()) as supervisor:
        supervisor.wait_until(lambda: _runs(supervisor), "both programs run")
        for name in ("first", "second"):
            assert f"{name:<10} | half a line, 100 % of it\n" in supervisor.output


def test_all_end_in_order_on_sigterm_and_on_ctrl_c(start):
    for number in (signal.SIGTERM, signal.SIGINT):
        with running(start(log=f"stream.{number}")) as supervisor:
            supervisor.wait_until(lambda: _runs(supervisor), "both programs run")
            supervisor.send_signal(number)
            wait_until(lambda: not supervisor.is_running, "supervisor ended")
            assert supervisor.exit_code == 0
            assert supervisor.output.index("second ends") < supervisor.output.index("first ends")


def test_what_dies_is_started_again(start):
    with running(start()) as supervisor:
        supervisor.wait_until(lambda: _runs(supervisor), "both programs run")
        (pid,) = _pids(supervisor.output, "first")
        os.kill(pid, signal.SIGKILL)
        supervisor.wait_until(lambda: len(_pids(supervisor.output, "first")) == 2, "first started again")
        assert len(_pids(supervisor.output, "second")) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_no_process_outlives_a_killed_supervisor(start):
    supervisor = start()
    with running(supervisor):
        supervisor.wait_until(lambda: _runs(supervisor), "both programs run")
        pids = [pid for name in ("first", "second") for pid in _pids(supervisor.output, name)]
        supervisor.kill()
        wait_until(lambda: not any(_is_alive(pid) for pid in pids), "programs ended")


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_second_supervisor_of_a_data_directory_is_refused(start):
    with running(start()) as first:
        first.wait_until(lambda: _runs(first), "both programs run")
        with running(start(log="second")) as second:
            wait_until(lambda: not second.is_running, "the second ended")
            assert "BlockingIOError" in second.output
            assert first.is_running


def test_ingress_is_the_last_to_start_and_redis_the_first():
    names = [spec.name for spec in process_specs()]
    assert names[0] == "redis"
    assert names[-1] == "ingress"
    assert {"web", "worker", "control", "beat", "dns"} < set(names)


def test_no_redis_of_ours_where_another_is_named(settings):
    settings.REDIS_IS_EMBEDDED = False
    assert "redis" not in [spec.name for spec in process_specs()]


def test_a_node_runs_the_processes_that_it_is_told_to():
    assert [spec.name for spec in chosen_specs(["ingress", "web"])] == ["web", "ingress"]
    with pytest.raises(LookupError, match=r"no process smtp; there are redis, .*ingress"):
        chosen_specs(["smtp"])


def test_percent_signs_and_spaces_of_a_command_survive(tmp_path):
    spec = ProcessSpec("a", ["/bin/x y", "50%h"])
    assert "command = '/bin/x y' 50%%h\n" in configuration([spec], tmp_path, tmp_path)
