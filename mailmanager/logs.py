"""Logs: events as one JSON line each, from structlog and the standard library alike, on stderr.

stdout stays with commands that print their answer there. `session_id`, `message_id` and the like are
bound once (structlog.contextvars) and appear in every line until they are unbound.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

# Fields that carry a secret whatever their value is, compared whole, in lower case.
SECRET_FIELDS = frozenset(
    {"password", "passwords", "secret", "secret_key", "private_key", "token", "authorization", "cookie"}
)
HIDDEN = "(hidden)"


def _hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The net below the rule that nobody logs a secret."""
    for field in event:
        if field.lower() in SECRET_FIELDS:
            event[field] = HIDDEN
    return event


_SHARED = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    _hide_secrets,
)


def configure(level: str) -> dict[str, Any]:
    """Set structlog up; what `settings.LOGGING` is, with `level` (`INFO`) as the least that is shown."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
    if level not in logging.getLevelNamesMapping():
        level = "INFO"  # mailmanager.E012 tells of it, in a line that is logged
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(ensure_ascii=False),
                ],
            }
        },
        "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stream"], "level": level},
        "loggers": {
            # Django's own defaults would print in their own way, or mail the administrators.
            "django": {"handlers": [], "level": level, "propagate": True},
            "axes": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},  # thousands of batches a minute "succeeded"
            "celery.worker.strategy": {"level": "WARNING"},  # … and were "received"
            "celery.beat": {"level": "WARNING"},  # … and "due"
        },
    }
