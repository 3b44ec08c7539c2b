"""Rotation by schedule and by hand: generated passwords, and a function with the four steps."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone

from core.errors import Conflict, Invalid
from secrets_store.logic.schedule import BadSchedule, next_rotation
from secrets_store.logic.uses import Use
from secrets_store.models import Secret, VersionStage
from secrets_store.password_hashes import verify_password
from secrets_store.services import readers, rotation, secrets, values
from tests.secrets_store.conftest import ENDPOINT_ARN, PASSWORD

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("rate(4 hours)", datetime(2026, 11, 25, 16, 30, tzinfo=UTC)),
        ("rate(1 day)", datetime(2026, 11, 26, 12, 30, tzinfo=UTC)),
        ("rate(30 days)", datetime(2026, 12, 25, 12, 30, tzinfo=UTC)),
        ("cron(0 8 1 * ? *)", datetime(2026, 12, 1, 8, 0, tzinfo=UTC)),
        ("cron(15 16 ? * SUN#1 *)", datetime(2026, 12, 6, 16, 15, tzinfo=UTC)),
        ("cron(0 0 L * ? *)", datetime(2026, 11, 30, 0, 0, tzinfo=UTC)),
        ("cron(0 0/8 * * ? *)", datetime(2026, 11, 25, 16, 0, tzinfo=UTC)),
    ],
)
def test_schedule_gives_the_next_time(schedule, expected):
    assert next_rotation(schedule, NOW) == expected


@pytest.mark.parametrize(
    "schedule",
    [
        "", "30 days", "rate(3 hours)", "rate(1000 days)", "rate(0 days)", "rate(5 minutes)", "rate(٣ days)",
        "cron()", "cron(0 8 1 * ?)", "cron(0 8 1 * * *)", "cron(0 8 ? * ? *)", "cron(* 8 1 * ? *)",
        "cron(0 * * * ? *)", "cron(61 8 1 * ? *)", "cron(0 24 1 * ? *)", "cron(0 8 32 * ? *)",
        "cron(0 8 1 * ? 1999)", "cron(0 0/0 * * ? *)", "cron(0 x 1 * ? *)", "cron(0 8 1 * ? *) ; rm",
        "cron(0 8 31 2 ? *)",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(schedule):
    with pytest.raises(BadSchedule):
        next_rotation(schedule, NOW)


def configure(actor, secret, **options):
    return rotation.configure(actor, secret.name, **({"kind": Secret.RotationKind.GENERATED} | options))


def test_generated_password_replaces_and_the_former_stays_good(actor, secret):
    configure(actor, secret)
    rotation.rotate(actor, secret.name)
    _version, content = secrets.retrieve_value(actor, secret.name)
    password = json.loads(content)["password"]
    reading = readers.readings_of(Use.ENDPOINT, {ENDPOINT_ARN: secret.arn})[ENDPOINT_ARN]
    current, previous = reading.password_hashes
    assert password != PASSWORD
    assert verify_password(current, password)
    assert verify_password(previous, PASSWORD)
    assert not secret.stages.filter(name=VersionStage.PENDING).exists()


def test_due_rotation_runs_once_and_plans_the_next(actor, secret):
    configure(actor, secret, schedule="rate(10 days)")
    assert rotation.rotate_due(actor, timezone.now()) == 0
    assert rotation.rotate_due(actor, timezone.now() + timedelta(days=11)) == 1
    secret.refresh_from_db()
    assert secret.next_rotation_at > timezone.now() + timedelta(days=9)
    assert secret.versions.count() == 2


def test_value_without_password_can_not_be_generated(actor, make_secret):
    secret = make_secret(value='{"token": "x"}')
    configure(actor, secret)
    with pytest.raises(Conflict, match="no key password"):
        rotation.rotate(actor, secret.name)
    assert secret.versions.count() == 1


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"kind": "MAGIC"}, "kind"),
        ({"schedule": "often"}, "schedule"),
        ({"kind": Secret.RotationKind.FUNCTION, "function": "file:///etc/passwd"}, "function"),
    ],
)
def test_bad_configuration_is_said_beside_its_field(actor, secret, options, path):
    with pytest.raises(Invalid) as caught:
        configure(actor, secret, **options)
    assert caught.value.problems[0].path == path


class Function(ThreadingHTTPServer):
    """An HTTP function that keeps what it was asked, and answers what the test says."""

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.calls, self.answers = [], {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}/rotate"


@pytest.fixture
def function():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.calls.append(body)
            status, answer = server.answers.get(body["Step"], (200, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            return

    server = Function(Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def by_function(actor, secret, function):
    configure(actor, secret, kind=Secret.RotationKind.FUNCTION, function=function.url)


def test_function_is_asked_in_four_steps_of_one_version(actor, secret, function):
    function.answers["createSecret"] = (
        200,
        json.dumps({"SecretString": '{"password": "by-Function-1"}'}).encode(),
    )
    by_function(actor, secret, function)
    version = rotation.rotate(actor, secret.name)
    assert [call["Step"] for call in function.calls] == list(rotation.STEPS)
    assert {call["ClientRequestToken"] for call in function.calls} == {version.version_id}
    assert {call["SecretId"] for call in function.calls} == {secret.arn}
    assert values.open_version(values.find_version(secret)) == b'{"password": "by-Function-1"}'


@pytest.mark.parametrize("step", rotation.STEPS)
def test_failing_step_leaves_the_current_value_and_is_said(actor, secret, function, step):
    function.answers["createSecret"] = (200, b'{"SecretString": "{\\"password\\": \\"planted-2\\"}"}')
    function.answers[step] = (500, b"planted-2")
    by_function(actor, secret, function)
    with pytest.raises(Conflict, match=f"{step} with status 500") as caught:
        rotation.rotate(actor, secret.name)
    assert "planted" not in str(caught.value)
    assert PASSWORD.encode() in values.open_version(values.find_version(secret))


def test_interrupted_rotation_goes_on_with_the_same_version(actor, secret, function):
    function.answers["createSecret"] = (200, b'{"SecretString": "{\\"password\\": \\"p-1\\"}"}')
    function.answers["testSecret"] = (503, b"")
    by_function(actor, secret, function)
    with pytest.raises(Conflict):
        rotation.rotate(actor, secret.name)
    function.answers.pop("testSecret")
    version = rotation.rotate(actor, secret.name)
    assert {call["ClientRequestToken"] for call in function.calls} == {version.version_id}
    assert secret.versions.count() == 2


def test_function_that_is_away_is_said_on_the_secret(actor, secret, function):
    by_function(actor, secret, function)
    rotation.configure(
        actor, secret.name, kind="FUNCTION", function="http://127.0.0.1:1/", schedule="rate(1 day)"
    )
    assert rotation.rotate_due(actor, timezone.now() + timedelta(days=2)) == 0
    secret.refresh_from_db()
    assert "could not be called for createSecret" in secret.rotation_problem


def test_function_that_makes_no_value_is_said(actor, secret, function):
    by_function(actor, secret, function)
    with pytest.raises(Conflict, match="made no new value"):
        rotation.rotate(actor, secret.name)
