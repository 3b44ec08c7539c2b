"""Every metric of the product (docs/metrics.md has a line on each, and a test compares).

Kept in prometheus_client's multi-process mode: a process writes into files of its own in the data
directory, and who is asked sums up those of all. A change costs some 3 µs, so what happens for each
command or message in the ingress is counted otherwise and brought here once a second (ingress.reporting).
"""

import os

import structlog
from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from metrics.slots import Slots

log = structlog.get_logger()

FOLDER = settings.DATA_DIR / "metrics"
SLOTS = Slots(FOLDER)


def _value_class() -> type:
    """Where the files can't be had mail flows all the same; each process then counts for itself alone."""
    try:
        SLOTS.own()
    except OSError as error:
        log.error("metrics_not_kept", reason=str(error))
        return values.MutexValue
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(FOLDER)
    return values.MultiProcessValue(SLOTS.own)


values.ValueClass = _value_class()  # the documented way to name processes by something else than their IDs
IS_SHARED = values.ValueClass is not values.MutexValue
REGISTRY = CollectorRegistry()

# --- ingress --------------------------------------------------------------------------------------

SESSIONS_OPEN = Gauge(
    "mailmanager_smtp_sessions_open",
    "SMTP sessions now",
    ["endpoint_type"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
SESSIONS = Counter(
    "mailmanager_smtp_sessions", "SMTP sessions that were greeted", ["endpoint_type"], registry=REGISTRY
)
HANDSHAKES = Counter(
    "mailmanager_smtp_tls_handshakes",
    "TLS handshakes: TLS1_2, TLS1_3, failed, overloaded (too many at once), unavailable (no certificate)",
    ["result"],
    registry=REGISTRY,
)
AUTHENTICATIONS = Counter(
    "mailmanager_smtp_auth",
    "AUTH attempts: right, wrong, limited after too many wrong ones, or unavailable",
    ["result"],
    registry=REGISTRY,
)
MESSAGES_ACCEPTED = Counter(
    "mailmanager_smtp_messages_accepted",
    "Messages that got their 250",
    ["endpoint_type"],
    registry=REGISTRY,
)
MESSAGE_BYTES = Counter(
    "mailmanager_smtp_message_bytes", "Bytes of these messages", ["endpoint_type"], registry=REGISTRY
)
REFUSALS = Counter(
    "mailmanager_smtp_refusals",
    "Connections, recipients and messages refused, and sessions ended by us, by the reply's codes",
    ["code", "enhanced_code"],
    registry=REGISTRY,
)
LIMITED = Gauge(
    "mailmanager_smtp_limited",
    "Addresses and endpoints at a limit now",
    ["limit"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
LIMIT_REFUSALS = Counter(
    "mailmanager_smtp_limit_refusals",
    "Connections, MAIL and AUTH commands turned away by a limit of an address, an endpoint or the process",
    ["limit"],
    registry=REGISTRY,
)
BUDGET_USED_BYTES = Gauge(
    "mailmanager_smtp_budget_used_bytes",
    "Bytes of messages being received, in memory now",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
BUDGET_LIMIT_BYTES = Gauge(
    "mailmanager_smtp_budget_limit_bytes",
    "How many there may be",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)

# --- spool ----------------------------------------------------------------------------------------

COMMITS = Counter(
    "mailmanager_spool_commits", "Batches written to the spool: stored, failed", ["result"], registry=REGISTRY
)
COMMIT_SECONDS = Histogram(
    "mailmanager_spool_commit_seconds",
    "From a batch's first statement to its being on disk",
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 5, 30),
    registry=REGISTRY,
)
BATCH_MESSAGES = Histogram(
    "mailmanager_spool_batch_messages",
    "Messages in a batch",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 500),
    registry=REGISTRY,
)

# --- mail flow ------------------------------------------------------------------------------------

DELIVERIES = Counter(
    "mailmanager_deliveries",
    "Attempts of actions, for each recipient: DONE, TEMPORARY, PERMANENT",
    ["kind", "result"],
    registry=REGISTRY,
)
PIPELINE_SECONDS = Histogram(
    "mailmanager_pipeline_seconds",
    "From a message's 250 until nothing more is to be done for it",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43_200, 432_000),
    registry=REGISTRY,
)
BOUNCES = Counter("mailmanager_bounces", "Delivery status notifications made", registry=REGISTRY)
TASKS_SENT = Counter(
    "mailmanager_tasks_sent", "Tasks given to Celery by any process", ["task"], registry=REGISTRY
)
TASKS = Counter(
    "mailmanager_tasks", "Tasks that a worker ran, by Celery's state", ["task", "state"], registry=REGISTRY
)

# --- endpoints ------------------------------------------------------------------------------------

PROVISIONING_SECONDS = Histogram(
    "mailmanager_provisioning_seconds",
    "From the start of an endpoint's provisioning until it is active, or failed",
    ["result"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 40),
    registry=REGISTRY,
)
DNS_RESPONSES = Counter(
    "mailmanager_dns_responses", "DNS queries by the answer's RCODE", ["rcode"], registry=REGISTRY
)

# --- web ------------------------------------------------------------------------------------------

API_REQUESTS = Counter(
    "mailmanager_api_requests",
    "Requests to the AWS-compatible API; error is empty where there was none",
    ["service", "operation", "error"],
    registry=REGISTRY,
)
HTTP_REQUESTS = Counter(
    "mailmanager_http_requests", "HTTP requests by view and status", ["view", "status"], registry=REGISTRY
)
