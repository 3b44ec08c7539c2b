"""The only settings module: the environment decides (docs/settings.md has a line on each variable)."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from mailmanager import logs
from mailmanager.environment import Environment
from mailmanager.first_start import make_data_dir, read_or_make_secret

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
# For who begins anew, or starts others: what the file says may have changed by then.
START_ENVIRONMENT = dict(os.environ)
env.read_env(env.str("MAILMANAGER_ENV_FILE", default=str(BASE_DIR / ".env")))

DATA_DIR = make_data_dir(Path(env.str("MAILMANAGER_DATA_DIR", default=str(BASE_DIR / "var"))).resolve())

# --- Mail Manager ---------------------------------------------------------------------------------

HTTP_ADDRESS = env.str("MAILMANAGER_HTTP", default="127.0.0.1:8000")
ADDRESS_POOL = env.list("MAILMANAGER_ADDRESS_POOL", default=["127.25.0.0/24"])
# An address that was given back is not given out again before that, for those who still have it in a cache.
ADDRESS_REST_SECONDS = env.int("MAILMANAGER_ADDRESS_REST_SECONDS", default=3600)
# How long an endpoint may take until its listener greets; then it is FAILED, and can be tried again.
PROVISION_TIMEOUT_SECONDS = env.int("MAILMANAGER_PROVISION_TIMEOUT_SECONDS", default=20)
SMTP_PORT = env.int("MAILMANAGER_SMTP_PORT", default=2525)
SUBMISSION_PORT = env.int("MAILMANAGER_SUBMISSION_PORT", default=2587)
DNS_ADDRESS = env.str("MAILMANAGER_DNS", default="127.0.0.1:5300")
# NS records of the endpoints' zone, and the addresses of those in it; [] for `ns.<zone>` at MAILMANAGER_DNS.
DNS_SERVERS = env.list("MAILMANAGER_DNS_SERVERS", default=[])
DNS_SERVER_ADDRESSES = env.list("MAILMANAGER_DNS_SERVER_ADDRESSES", default=[])
MAIL_DOMAIN = env.str("MAILMANAGER_MAIL_DOMAIN", default="mailmanager.test").strip(".").lower()
RESOLVER = env.str("MAILMANAGER_RESOLVER", default="")  # "": the system's
ACCOUNT_ID = env.str("MAILMANAGER_ACCOUNT_ID", default="123456789012")
REGION = env.str("MAILMANAGER_REGION", default="us-east-1")
TLS_CERT = env.str("MAILMANAGER_TLS_CERT", default="")  # "": made by the local CA
TLS_KEY = env.str("MAILMANAGER_TLS_KEY", default="")
# The first administrator; read on the very first start alone. "": one is made and printed.
ADMIN_PASSWORD = env.str("MAILMANAGER_ADMIN_PASSWORD", default="").strip()
# Who may ask for metrics from elsewhere; where `runmetrics` answers on a node without web, "" for nowhere.
METRICS_TOKEN = env.str("MAILMANAGER_METRICS_TOKEN", default="").strip()
METRICS_ADDRESS = env.str("MAILMANAGER_METRICS", default="")
LOG_LEVEL = env.str("MAILMANAGER_LOG_LEVEL", default="INFO").upper()

# How many processes of a kind script/server starts: one for each core that we may use.
_CORES = len(os.sched_getaffinity(0))
WEB_PROCESSES = env.int("MAILMANAGER_WEB_PROCESSES", default=_CORES)
WORKER_PROCESSES = env.int("MAILMANAGER_WORKER_PROCESSES", default=_CORES)
INGRESS_PROCESSES = env.int("MAILMANAGER_INGRESS_PROCESSES", default=_CORES)

# The root key wraps every encryption key; "" and "": a file in the data directory (secrets_store.root_key).
ROOT_KEY = env.str("MAILMANAGER_ROOT_KEY", default="")
ROOT_KEY_COMMAND = env.str("MAILMANAGER_ROOT_KEY_COMMAND", default="")

# The API.
API_REQUESTS_PER_SECOND = env.int("MAILMANAGER_API_REQUESTS_PER_SECOND", default=50)  # of an access key
API_REGION_STRICT = env.bool("MAILMANAGER_API_REGION_STRICT", default=False)  # else any region signs

# Quotas of the service, all of them settings here.
MAX_RECIPIENTS = env.int("MAILMANAGER_MAX_RECIPIENTS", default=100)
MAX_MESSAGE_BYTES = env.int("MAILMANAGER_MAX_MESSAGE_BYTES", default=40 * 1024 * 1024)
MAX_TRAFFIC_POLICIES = env.int("MAILMANAGER_MAX_TRAFFIC_POLICIES", default=100)
MAX_POLICY_STATEMENTS = env.int("MAILMANAGER_MAX_POLICY_STATEMENTS", default=20)
MAX_STATEMENT_CONDITIONS = env.int("MAILMANAGER_MAX_STATEMENT_CONDITIONS", default=10)
MAX_RULE_SETS = env.int("MAILMANAGER_MAX_RULE_SETS", default=100)
MAX_RULES = env.int("MAILMANAGER_MAX_RULES", default=40)
MAX_SMTP_RELAYS = env.int("MAILMANAGER_MAX_SMTP_RELAYS", default=40)
MAX_ADDRESS_LISTS = env.int("MAILMANAGER_MAX_ADDRESS_LISTS", default=100)
# The service has 100,000; an index takes 17 bytes for each.
MAX_LIST_MEMBERS = env.int("MAILMANAGER_MAX_LIST_MEMBERS", default=10_000_000)
MAX_IMPORT_BYTES = env.int("MAILMANAGER_MAX_IMPORT_BYTES", default=1024 * 1024 * 1024)

# Mail that leaves this machine (mailflow.smtp_client, mailflow.outbound).
OUTBOUND_NAME = env.str("MAILMANAGER_OUTBOUND_NAME", default="") or f"mail-manager.{MAIL_DOMAIN}"  # in EHLO
OUTBOUND_PORT = env.int("MAILMANAGER_OUTBOUND_PORT", default=25)
RELAY_CONNECTIONS = env.int("MAILMANAGER_RELAY_CONNECTIONS", default=10)  # of a worker process to one server
SMARTHOST = env.str("MAILMANAGER_SMARTHOST", default="")  # host[:port]; "": straight to the MX
OUTBOUND_CA_FILE = env.str("MAILMANAGER_OUTBOUND_CA_FILE", default="")  # trusted beside the system's

# The ingress: limits of one process, 0 is none (docs/smtp.md).
INGRESS_BUDGET_BYTES = env.int("MAILMANAGER_INGRESS_BUDGET_BYTES", default=512 * 1024 * 1024)
INGRESS_MAX_IN_MEMORY_BYTES = env.int("MAILMANAGER_INGRESS_MAX_IN_MEMORY_BYTES", default=1024 * 1024)
INGRESS_MAX_CONNECTIONS = env.int("MAILMANAGER_INGRESS_MAX_CONNECTIONS", default=20_000)
INGRESS_MAX_CONNECTIONS_PER_ENDPOINT = env.int("MAILMANAGER_INGRESS_MAX_CONNECTIONS_PER_ENDPOINT", default=0)
INGRESS_MAX_CONNECTIONS_PER_ADDRESS = env.int("MAILMANAGER_INGRESS_MAX_CONNECTIONS_PER_ADDRESS", default=100)
INGRESS_MAX_NEW_CONNECTIONS_PER_MINUTE = env.int(
    "MAILMANAGER_INGRESS_MAX_NEW_CONNECTIONS_PER_MINUTE", default=600
)
# In a minute; errors are wrong commands, failed AUTH and refused recipients.
INGRESS_MAX_MESSAGES_PER_ADDRESS = env.int("MAILMANAGER_INGRESS_MAX_MESSAGES_PER_ADDRESS", default=0)
INGRESS_MAX_RECIPIENTS_PER_ADDRESS = env.int("MAILMANAGER_INGRESS_MAX_RECIPIENTS_PER_ADDRESS", default=0)
INGRESS_MAX_BYTES_PER_ADDRESS = env.int("MAILMANAGER_INGRESS_MAX_BYTES_PER_ADDRESS", default=0)
INGRESS_MAX_ERRORS_PER_ADDRESS = env.int("MAILMANAGER_INGRESS_MAX_ERRORS_PER_ADDRESS", default=1000)
INGRESS_MAX_MESSAGES_PER_ENDPOINT = env.int("MAILMANAGER_INGRESS_MAX_MESSAGES_PER_ENDPOINT", default=0)
INGRESS_MAX_RECIPIENTS_PER_ENDPOINT = env.int("MAILMANAGER_INGRESS_MAX_RECIPIENTS_PER_ENDPOINT", default=0)
INGRESS_MAX_BYTES_PER_ENDPOINT = env.int("MAILMANAGER_INGRESS_MAX_BYTES_PER_ENDPOINT", default=0)
INGRESS_MAX_ERRORS_PER_ENDPOINT = env.int("MAILMANAGER_INGRESS_MAX_ERRORS_PER_ENDPOINT", default=0)
INGRESS_MAX_ERRORS = env.int("MAILMANAGER_INGRESS_MAX_ERRORS", default=20)
INGRESS_MAX_REFUSALS = env.int("MAILMANAGER_INGRESS_MAX_REFUSALS", default=1000)
INGRESS_MAX_IDLE_COMMANDS = env.int("MAILMANAGER_INGRESS_MAX_IDLE_COMMANDS", default=1000)
INGRESS_MAX_AUTH_FAILURES = env.int("MAILMANAGER_INGRESS_MAX_AUTH_FAILURES", default=10)
INGRESS_MAX_AUTH_FAILURES_PER_ENDPOINT = env.int(
    "MAILMANAGER_INGRESS_MAX_AUTH_FAILURES_PER_ENDPOINT", default=0
)
INGRESS_UNLIMITED_NETWORKS = env.list(
    "MAILMANAGER_INGRESS_UNLIMITED_NETWORKS", default=["127.0.0.0/8", "::1/128"]
)
INGRESS_PROXY_NETWORKS = env.list("MAILMANAGER_INGRESS_PROXY_NETWORKS", default=[])
INGRESS_IDLE_TIMEOUT_SECONDS = env.int("MAILMANAGER_INGRESS_IDLE_TIMEOUT_SECONDS", default=300)
INGRESS_MIN_BYTES_PER_SECOND = env.int("MAILMANAGER_INGRESS_MIN_BYTES_PER_SECOND", default=100)
INGRESS_HANDSHAKE_TIMEOUT_SECONDS = env.int("MAILMANAGER_INGRESS_HANDSHAKE_TIMEOUT_SECONDS", default=30)
INGRESS_MAX_HANDSHAKES = env.int("MAILMANAGER_INGRESS_MAX_HANDSHAKES", default=100)
INGRESS_SHUTDOWN_SECONDS = env.int("MAILMANAGER_INGRESS_SHUTDOWN_SECONDS", default=20)
INGRESS_HANDOVER_SECONDS = env.int("MAILMANAGER_INGRESS_HANDOVER_SECONDS", default=300)

# --- Django ---------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="").strip() or read_or_make_secret(DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "django_cotton",
    "csp",
    "axes",
    "console",
    "access",
    "resources",
    "secrets_store",
    "relays",
    "destinations",
    "addresslists",
    "policies",
    "rulesets",
    "endpoints",
    "mailflow",
    "ingress",
    "api",
    "mailmanager",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mailmanager.counting.CountingMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.preferences.TimeZoneMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "mailmanager.urls"
WSGI_APPLICATION = "mailmanager.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.template.context_processors.csrf",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context_processors.shell",
                "access.context_processors.may",
            ],
        },
    }
]

LOGGING = logs.configure(LOG_LEVEL)

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # widgets may have templates of ours
COTTON_ISOLATE_BY_DEFAULT = True  # a component sees what it was given, not the names of its page

# --- Databases ------------------------------------------------------------------------------------


def _database(variable: str, file_name: str, synchronous: str, more: str = "") -> dict[str, Any]:
    """Connection settings for `variable`, an URL; an SQLite file in the data directory without one."""
    config: dict[str, Any] = env.db_url(variable, default=f"sqlite:///{DATA_DIR / file_name}")
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["ENGINE"] = "mailmanager.sqlite"
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",  # a writer waits at BEGIN, not half-way with stale reads
            "timeout": 30,
            "cached_statements": 512,  # 128 are too few for inserts of 1 to 64 rows (mailflow/sql.py)
            # Pages of 32 KB and a write-ahead log of up to 64 MB: half the writes for each message, and what
            # is delivered before the log is full never reaches the file. (Only a new file takes a page size.)
            "init_command": "PRAGMA page_size=32768; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=2048;"
            f" PRAGMA synchronous={synchronous};{more}",
        }
        # In a file as in real life: an in-memory database knows no second process and no WAL.
        config["TEST"] = {"NAME": str(DATA_DIR / f"test_{file_name}")}
    else:
        config["CONN_HEALTH_CHECKS"] = True
    # SQLite too: opening the file for each request takes as long as a request of the API does.
    config["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
    return config


DATABASES = {"default": _database("DATABASE_URL", "mailmanager.sqlite3", "NORMAL")}

# The spool is a file of its own beside an SQLite database (FULL: a commit is on disk when it
# returns, as a 250 promises), and lives in the same database where that is PostgreSQL.
_IS_SQLITE = DATABASES["default"]["ENGINE"] == "mailmanager.sqlite"
SPOOL_ALIAS = "spool" if _IS_SQLITE or env.str("SPOOL_URL", default="") else "default"
if SPOOL_ALIAS == "spool":
    # What an INSERT of many rows keeps to undo itself outgrows 64 KB at once with pages of 32 KB, and would
    # be a file that is made, written and removed for each batch of mail.
    DATABASES["spool"] = _database("SPOOL_URL", "spool.sqlite3", "FULL", "PRAGMA temp_store=MEMORY;")
# Below this much free space on the spool's disk mail is answered 452, so that what is there can go out.
SPOOL_LEAST_FREE_BYTES = env.int("MAILMANAGER_SPOOL_LEAST_FREE_BYTES", default=100 * 1024 * 1024)
# A worker's claim on a message, renewed while it works: so long after its death another takes over.
LEASE_SECONDS = env.int("MAILMANAGER_LEASE_SECONDS", default=120)
# Retries (mailflow.logic.retry.RetrySchedule).
RETRY_FIRST_SECONDS = env.int("MAILMANAGER_RETRY_FIRST_SECONDS", default=300)
RETRY_LONGEST_SECONDS = env.int("MAILMANAGER_RETRY_LONGEST_SECONDS", default=4 * 3600)
RETRY_FOR_SECONDS = env.int("MAILMANAGER_RETRY_FOR_SECONDS", default=5 * 24 * 3600)
TRACE_RETENTION_DAYS = env.int("MAILMANAGER_TRACE_RETENTION_DAYS", default=90)
DATABASE_ROUTERS = ["mailflow.routers.SpoolRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and Celery -----------------------------------------------------------------------------

REDIS_SOCKET = DATA_DIR / "redis.sock"
REDIS_URL = env.str("REDIS_URL", default="") or f"unix://{REDIS_SOCKET}"
REDIS_IS_EMBEDDED = f"unix://{REDIS_SOCKET}" == REDIS_URL

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_connect_timeout": 2,
    # Who sends a task while Redis is away learns it at once (kombu's own default: after 6 s of tries):
    # sweeps find what was not sent. Workers reconnect by CELERY_BROKER_CONNECTION_RETRY, not by these.
    "max_retries": 1,
    "interval_start": 0.1,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # every task may run twice: rows, not messages, are the truth
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TASK_TIME_LIMIT = 1200  # a drain takes mail for 300 s, and what it has may take 780 s more
CELERY_TASK_DEFAULT_QUEUE = "mail"
# Provisioning never waits behind a heap of mail.
CELERY_TASK_ROUTES = {
    "addresslists.tasks.*": {"queue": "control"},
    "endpoints.tasks.*": {"queue": "control"},
    "mailflow.tasks.expire_traces": {"queue": "control"},
    "secrets_store.tasks.*": {"queue": "control"},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
# Sent by each worker when it starts: what was left while no worker or no Redis was there goes on at once.
TASKS_AT_START = ["endpoints.tasks.resume", "mailflow.tasks.sweep", "addresslists.tasks.sweep"]
CELERY_BEAT_SCHEDULE = {
    "sweep-spool": {"task": "mailflow.tasks.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "sweep-endpoints": {"task": "endpoints.tasks.sweep", "schedule": 10.0},
    "sweep-imports": {"task": "addresslists.tasks.sweep", "schedule": 30.0, "options": {"expires": 30.0}},
    "check-secrets": {
        "task": "endpoints.tasks.check_secrets",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "sweep-secrets": {"task": "secrets_store.tasks.sweep", "schedule": 60.0},
    "expire-traces": {"task": "mailflow.tasks.expire_traces", "schedule": 3600.0},
    "forget-answers": {"task": "api.tasks.forget_answers", "schedule": 3600.0},
}

# --- People ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "access.User"
LOGIN_URL = "access:sign_in"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "access:sign_in"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=False)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
)
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "console.views.csrf_failure"

# A name is locked for an address, so that nobody can lock out somebody else.
AXES_FAILURE_LIMIT = env.int("MAILMANAGER_SIGN_IN_ATTEMPTS", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("MAILMANAGER_SIGN_IN_LOCK_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "access.views.signing_in.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- Language, time, static files -----------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = make_data_dir(DATA_DIR / "static")  # WhiteNoise warns where it isn't there yet
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
