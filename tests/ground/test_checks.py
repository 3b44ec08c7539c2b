"""Wrong settings are named before anything starts."""

import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks

from tests.servers.worker import REPOSITORY


def _problems():
    return {message.id for message in run_checks() if message.id and message.id.startswith("mailmanager.")}


def test_defaults_have_no_problem():
    assert _problems() == set()


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ADDRESS_POOL", [], "E001"),
        ("ADDRESS_POOL", ["127.0.0.1", "127.25.0.0/33"], "E002"),
        ("SMTP_PORT", 0, "E003"),
        ("SUBMISSION_PORT", 65536, "E003"),
        ("SUBMISSION_PORT", 2525, "E004"),
        ("HTTP_ADDRESS", "127.0.0.1", "E005"),
        ("HTTP_ADDRESS", "127.0.0.1:http", "E005"),
        ("DNS_ADDRESS", "ns.example.com:53", "E005"),
        ("DNS_ADDRESS", "127.0.0.1:0", "E005"),
        ("RESOLVER", "resolver.example", "E005"),
        ("TLS_CERT", "/dev/null", "E006"),
        ("TLS_KEY", "/no/such/file", "E007"),
        ("MAIL_DOMAIN", "localhost", "E008"),
        ("MAIL_DOMAIN", "-a.example.com", "E008"),
        ("MAIL_DOMAIN", "a." * 120 + "example", "E008"),
        ("ACCOUNT_ID", "1234", "E009"),
        ("REGION", "everywhere", "E010"),
        ("LOG_LEVEL", "LOUD", "E012"),
        ("WORKER_PROCESSES", 0, "E013"),
        ("MAX_RECIPIENTS", 0, "E013"),
    ],
)
def test_wrong_setting_is_named(settings, name, value, problem):
    setattr(settings, name, value)
    assert f"mailmanager.{problem}" in _problems()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADDRESS_POOL", ["192.0.2.7", "198.51.100.0/28", "2001:db8::/120"]),
        ("HTTP_ADDRESS", "console:8000"),
        ("HTTP_ADDRESS", "[::1]:8000"),
        ("DNS_ADDRESS", "[2001:db8::53]:53"),
        ("RESOLVER", "192.0.2.53"),
        ("RESOLVER", "2001:db8::53"),
        ("RESOLVER", "127.0.0.1:5353"),
    ],
)
def test_right_setting_is_let_through(settings, name, value):
    setattr(settings, name, value)
    assert _problems() == set()


def test_long_socket_path_is_named(settings, tmp_path):
    settings.REDIS_SOCKET = tmp_path / ("x" * 100) / "redis.sock"
    assert "mailmanager.E011" in _problems()


def test_data_dir_that_others_may_read_is_named(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    tmp_path.chmod(0o755)
    assert "mailmanager.W001" in _problems()


@pytest.mark.parametrize(
    ("variable", "value"), [("MAILMANAGER_SMTP_PORT", "smtp"), ("MAILMANAGER_DATA_DIR", "/dev/null/data")]
)
def test_unreadable_variable_ends_a_command_with_one_line(variable, value):
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=REPOSITORY,
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert variable in line
