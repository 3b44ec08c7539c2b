"""Slots: one for each process that lives, taken over with its files by the next one."""

import os
import subprocess
import sys

from metrics.slots import Slots
from tests.servers.process import Process, running
from tests.servers.worker import REPOSITORY

_HOLDER = """
import sys, time
from pathlib import Path
from metrics.slots import Slots
print("slot", Slots(Path(sys.argv[1])).own(), flush=True)
time.sleep(float(sys.argv[2]))
"""


def _holder(folder, log):
    command = [sys.executable, "-c", _HOLDER, folder, "60"]
    process = Process(command, log=log, cwd=REPOSITORY)
    process.wait_until(lambda: "slot" in process.output, "slot taken")
    return process


def _slot_of_another(folder):
    command = [sys.executable, "-c", _HOLDER, folder, "0"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1])


def _files(slots):
    return {path.name for path in slots.counted_files()}


def test_processes_that_live_have_different_slots_and_the_next_takes_what_is_free(tmp_path):
    slots = Slots(tmp_path)
    assert slots.own() == 0
    with running(_holder(tmp_path, tmp_path / "log")):
        assert _slot_of_another(tmp_path) == 2
    assert _slot_of_another(tmp_path) == 1
    assert slots.own() == 0


def test_a_fork_takes_a_slot_of_its_own_and_leaves_the_parent_his(tmp_path):
    slots = Slots(tmp_path)
    assert slots.own() == 0
    child = os.fork()
    if child == 0:
        os._exit(slots.own())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert _slot_of_another(tmp_path) == 1
    assert slots.own() == 0


def test_counters_of_the_dead_count_on_and_their_gauges_do_not(tmp_path):
    slots = Slots(tmp_path)
    slots.own()
    with running(_holder(tmp_path, tmp_path / "log")):
        for name in ("counter_0.db", "counter_1.db", "gauge_livesum_0.db", "gauge_livesum_1.db"):
            (tmp_path / name).write_bytes(b"x")
        assert len(_files(slots)) == 4
    assert _files(slots) == {"counter_0.db", "counter_1.db", "gauge_livesum_0.db"}
    assert _slot_of_another(tmp_path) == 1
    assert (tmp_path / "counter_1.db").exists()
    assert not (tmp_path / "gauge_livesum_1.db").exists()


def test_the_first_process_of_a_node_begins_anew(tmp_path):
    for name in ("counter_0.db", "gauge_livesum_7.db"):
        (tmp_path / name).write_bytes(b"of an older version")
    slots = Slots(tmp_path)
    assert slots.own() == 0
    assert _files(slots) == set()


def test_files_that_another_user_left_are_passed_over(tmp_path, monkeypatch):
    with running(_holder(tmp_path, tmp_path / "log")):
        (tmp_path / "counter_1.db").write_bytes(b"x")
        monkeypatch.setattr(os, "access", lambda path, mode: path.name != "counter_1.db")
        assert Slots(tmp_path).own() == 2
