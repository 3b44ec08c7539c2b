"""SIGHUP and deaths of `manage.py runingress`: somebody always listens, and what is under way ends well."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from core import reply
from mailflow.models import SpoolMessage
from resources.services import bump_configuration
from tests.ingress.conftest import ADDRESSES
from tests.ingress.machine import served
from tests.ingress.senders import Senders
from tests.servers.process import Process, running, wait_until
from tests.servers.worker import REPOSITORY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

_CLIENTS = 8
_PATIENCE_SECONDS = 60.0


def _workers(process: Process) -> set[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], check=False, capture_output=True, text=True
    )
    return set(map(int, listed.stdout.split()))


def _count(process: Process, event: str) -> int:
    return process.output.count(f'"event": "{event}"')


def _until(process: Process, event: str, count: int) -> None:
    process.wait_until(
        lambda: _count(process, event) >= count, f"{count} {event}", timeout_seconds=_PATIENCE_SECONDS
    )


@pytest.mark.parametrize("host", [ADDRESSES[0], "::1"], ids=["IPv4", "IPv6"])
def test_over_reloads_no_connection_is_refused_and_no_message_lost(make_endpoint, start, dial, host):
    make_endpoint(host)
    process, port = start("--processes", "2")
    _until(process, "ingress_started", 2)
    first, address = _workers(process), (host, port)
    with Senders(address) as senders, dial(address) as early, dial(address) as busy:
        busy.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        busy.sends(b"first half\r\n")
        senders.go_on()
        process.send_signal(signal.SIGHUP)
        _until(process, "ingress_retiring", 2)
        # Who had only heard the greeting is served too, and both have their say to the end.
        early.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        for peer in (early, busy):
            heard = peer.sends_message(b"text\r\n")
            assert heard.code == 250
            senders.accepted.append(str(heard).rpartition(" ")[2])
        assert early.says("QUIT").lines == (str(reply.BYE),)
        assert busy.says("MAIL FROM:<a@x.example>").lines == (str(reply.SHUTTING_DOWN),)
        process.send_signal(signal.SIGHUP)
        _until(process, "ingress_retiring", 4)
        wait_until(lambda: not first & _workers(process), "the first ended", timeout_seconds=60)
        senders.go_on()
    assert senders.faults == []
    assert set(senders.accepted) == set(SpoolMessage.objects.values_list("pk", flat=True))
    assert process.stop() == 0


@pytest.mark.parametrize("host", [ADDRESSES[0], "::1"], ids=["IPv4", "IPv6"])
def test_who_waits_to_be_accepted_is_greeted_by_the_one_who_follows(make_endpoint, start, host):
    make_endpoint(host)
    process, port = start()
    (worker,) = _workers(process)
    os.kill(worker, signal.SIGSTOP)
    with ExitStack() as stack:
        try:
            waiting = [
                stack.enter_context(socket.create_connection((host, port), timeout=_PATIENCE_SECONDS))
                for _ in range(50)
            ]
        finally:  # who is stopped hears of no other end
            os.kill(worker, signal.SIGKILL)
        assert {one.recv(1000)[:4] for one in waiting} == {b"220 "}
    _until(process, "ingress_process_ended", 1)


def test_settings_are_read_anew_and_a_program_that_is_broken_is_not_started(
    make_endpoint, start, dial, tmp_path, monkeypatch
):
    settings_file = tmp_path / "settings"
    settings_file.write_text("MAILMANAGER_MAX_MESSAGE_BYTES=1000\n")
    monkeypatch.setenv("MAILMANAGER_ENV_FILE", str(settings_file))
    make_endpoint(ADDRESSES[0])
    process, port = start()

    def offered() -> str:
        with dial((ADDRESSES[0], port)) as peer:
            return next(text for text in peer.says("EHLO c.example").texts if text.startswith("SIZE"))

    assert offered() == "SIZE 1000"
    settings_file.write_text("MAILMANAGER_MAX_MESSAGE_BYTES=many\n")
    process.send_signal(signal.SIGHUP)
    _until(process, "ingress_reload_failed", 1)
    assert offered() == "SIZE 1000"
    settings_file.write_text("MAILMANAGER_MAX_MESSAGE_BYTES=2000\n")
    process.send_signal(signal.SIGHUP)
    _until(process, "ingress_started", 2)
    wait_until(lambda: offered() == "SIZE 2000", "the new limit holds", timeout_seconds=_PATIENCE_SECONDS)
    assert process.stop() == 0


def test_an_endpoint_that_goes_is_let_go_by_the_parent_too(make_endpoint, start):
    kept, gone = make_endpoint(ADDRESSES[0]), make_endpoint(ADDRESSES[1])
    process, port = start()
    process.send_signal(signal.SIGHUP)  # from here on its sockets are inherited ones
    _until(process, "ingress_started", 2)
    gone.addresses.all().delete()
    gone.delete()
    bump_configuration()

    def is_refused() -> bool:
        try:
            socket.create_connection((ADDRESSES[1], port), timeout=5).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(is_refused, "nobody listens there any more", timeout_seconds=_PATIENCE_SECONDS)
    socket.create_connection((ADDRESSES[0], port), timeout=5).close()
    assert kept.addresses.count() == 1


def test_workers_end_when_their_parent_is_gone(make_endpoint, start):
    make_endpoint(ADDRESSES[0])
    process, _ = start()
    (worker,) = _workers(process)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{worker}/exe"), "the worker ended")
    assert _count(process, "ingress_stopped") == 1


def test_who_retires_tells_the_idle_soon_and_waits_no_longer_than_it_may(make_ingress, dial, monkeypatch):
    monkeypatch.setattr("ingress.engine._RETIRED_IDLE_SECONDS", 0.2)
    ingress = make_ingress(served(), handover_seconds=2, shutdown_seconds=0.2)
    with dial(ingress) as idle, dial(ingress) as busy:
        busy.says("EHLO c.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")
        retiring = ingress.begins(ingress.engine.retire())
        assert idle.hears().lines == (str(reply.IDLE_TIMEOUT),)
        idle.close()
        retiring.result(_PATIENCE_SECONDS)  # though one is still in its data
        ingress.stop()
        assert busy.hears().lines == (str(reply.SHUTTING_DOWN),)


def test_who_connects_as_the_ingress_stops_hears_421_and_no_reset(make_ingress, dial):
    ingress = make_ingress(served())
    address = ingress.host, ingress.port
    peers: list[socket.socket] = []

    async def connect_and_stop() -> None:
        for _ in range(20):  # on its own loop: none is accepted before it stops
            peers.append(socket.create_connection(address, timeout=10))
        await ingress.engine.stop()

    ingress.begins(connect_and_stop())
    wait_until(lambda: len(peers) == 20, "all connected")
    for peer in peers:
        with peer, peer.makefile("rb") as heard:
            assert [line[:4] for line in heard] == [b"220 ", b"421 "]


_WORKERS_THAT_FAIL = """
import selectors
import time

class AllAtOnce(selectors.DefaultSelector):
    def select(self, timeout=None):
        super().select(timeout)
        time.sleep(0.1)
        return sorted(super().select(0), key=lambda ready: ready[0].data is not None)  # signals first

selectors.DefaultSelector = AllAtOnce

from ingress.family import Family

def work(sockets):
    raise RuntimeError("it can't begin")

Family(work, 8, command=["false"], rehearsal=["false"], environment={}).run()
"""


def test_workers_that_end_together_do_not_take_their_parent_with_them(tmp_path):
    """Of an end a signal tells and a channel, both in one round it may be, and the signal first."""
    parent = Process(
        [sys.executable, "-c", _WORKERS_THAT_FAIL], log=tmp_path / "family.log", env={}, cwd=REPOSITORY
    )
    with running(parent):
        parent.wait_until(lambda: parent.output.count("ingress_process_ended") >= 32, "four rounds of them")
        parent.send_signal(signal.SIGTERM)
        wait_until(lambda: not parent.is_running, "it has ended")
    assert parent.exit_code == 0
