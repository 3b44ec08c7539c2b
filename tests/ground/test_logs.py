"""What is logged is one JSON line for each event, and holds no secrets."""

import io
import json
import logging
import logging.config

import pytest
import structlog
from django.conf import settings


@pytest.fixture
def logged():
    """Lines that the stream's handler writes from now on."""
    (handler,) = (
        handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler
    )
    stream = io.StringIO()
    former = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(former)


def test_event_has_its_fields_time_and_logger(logged):
    structlog.get_logger("ingress.session").info("recipient_refused", code=550, reason="address_list")
    (line,) = logged()
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "recipient_refused",
        "level": "info",
        "logger": "ingress.session",
        "code": 550,
        "reason": "address_list",
    }


def test_bound_variables_are_in_every_line_of_either_kind(logged):
    with structlog.contextvars.bound_contextvars(session_id="s1"):
        structlog.get_logger("a").info("session_opened")
        logging.getLogger("b").warning("%s of %s", 1, 2)
    logging.getLogger("b").warning("later")
    first, second, third = logged()
    assert first["session_id"] == second["session_id"] == "s1"
    assert second["event"] == "1 of 2"
    assert "session_id" not in third


def test_traceback_stays_in_the_line_of_its_event(logged):
    try:
        raise ValueError("two\nlines")
    except ValueError:
        structlog.get_logger("a").exception("batch_failed")
        logging.getLogger("b").exception("failed")
    for line in logged():
        assert "ValueError: two" in line["exception"]


def test_secrets_are_hidden_whatever_logs_them(logged):
    structlog.get_logger("a").info("sign_in_failed", password="pw-1", Authorization="AUTH-2", name="n")
    with structlog.contextvars.bound_contextvars(secret="s-3"):
        logging.getLogger("b").warning("x")
    text = json.dumps(logged())
    assert not any(secret in text for secret in ("pw-1", "AUTH-2", "s-3"))
    assert text.count("(hidden)") == 3


def test_levels_below_the_wished_one_are_not_written(logged):
    structlog.get_logger("a").debug("loop_turned")
    logging.getLogger("django.db.backends").debug("SELECT 1")
    assert logged() == []


def test_django_and_celery_have_no_handlers_of_their_own():
    for name in ("django", "django.server", "celery"):
        assert all(handler.formatter is None for handler in logging.getLogger(name).handlers) or (
            name == "django.server"
        )
    assert settings.LOGGING["loggers"]["django"]["handlers"] == []
