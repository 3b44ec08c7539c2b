"""The ingress's settings as one value, so that a test can run an ingress beside another."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from django.conf import settings

from core.cidr import NetworkSet
from ingress.logic.terms import Limits


@dataclass(frozen=True, slots=True)
class IngressConfig:
    """Limits are for one process; 0 is no limit. `unlimited_networks`: whom limits by address don't concern;
    `proxy_networks`: who must begin with a PROXY header, which tells the client's address."""

    data_dir: Path
    smtp_port: int
    submission_port: int
    limits: Limits = field(default_factory=Limits)
    tls_cert: str = ""
    tls_key: str = ""
    budget_bytes: int = 512 * 1024 * 1024
    max_in_memory_bytes: int = 1024 * 1024  # of one message; the rest lies in a file
    least_free_bytes: int = 100 * 1024 * 1024  # of the disk for such files
    max_connections: int = 20_000
    max_connections_per_endpoint: int = 0
    max_connections_per_address: int = 100
    max_new_connections_per_minute: int = 600  # of an address
    # In a minute.
    max_messages_per_address: int = 0
    max_recipients_per_address: int = 0
    max_bytes_per_address: int = 0
    max_errors_per_address: int = 1000
    max_messages_per_endpoint: int = 0
    max_recipients_per_endpoint: int = 0
    max_bytes_per_endpoint: int = 0
    max_errors_per_endpoint: int = 0
    # In ten minutes.
    max_auth_failures: int = 10  # of an address
    max_auth_failures_per_endpoint: int = 0
    unlimited_networks: NetworkSet = field(default_factory=lambda: NetworkSet(["127.0.0.0/8", "::1/128"]))
    proxy_networks: NetworkSet = field(default_factory=lambda: NetworkSet([]))
    idle_timeout_seconds: float = 300  # RFC 5321 §4.5.3.2.7: at least 5 minutes
    min_bytes_per_second: int = 100
    handshake_timeout_seconds: float = 30
    max_handshakes: int = 100
    shutdown_seconds: float = 20
    handover_seconds: float = 300

    @classmethod
    def from_settings(cls) -> Self:
        return cls(
            data_dir=settings.DATA_DIR,
            smtp_port=settings.SMTP_PORT,
            submission_port=settings.SUBMISSION_PORT,
            limits=Limits(
                max_message_bytes=settings.MAX_MESSAGE_BYTES,
                max_recipients=settings.MAX_RECIPIENTS,
                max_errors=settings.INGRESS_MAX_ERRORS,
                max_refusals=settings.INGRESS_MAX_REFUSALS,
                max_idle_commands=settings.INGRESS_MAX_IDLE_COMMANDS,
            ),
            tls_cert=settings.TLS_CERT,
            tls_key=settings.TLS_KEY,
            budget_bytes=settings.INGRESS_BUDGET_BYTES,
            max_in_memory_bytes=settings.INGRESS_MAX_IN_MEMORY_BYTES,
            least_free_bytes=settings.SPOOL_LEAST_FREE_BYTES,
            max_connections=settings.INGRESS_MAX_CONNECTIONS,
            max_connections_per_endpoint=settings.INGRESS_MAX_CONNECTIONS_PER_ENDPOINT,
            max_connections_per_address=settings.INGRESS_MAX_CONNECTIONS_PER_ADDRESS,
            max_new_connections_per_minute=settings.INGRESS_MAX_NEW_CONNECTIONS_PER_MINUTE,
            max_messages_per_address=settings.INGRESS_MAX_MESSAGES_PER_ADDRESS,
            max_recipients_per_address=settings.INGRESS_MAX_RECIPIENTS_PER_ADDRESS,
            max_bytes_per_address=settings.INGRESS_MAX_BYTES_PER_ADDRESS,
            max_errors_per_address=settings.INGRESS_MAX_ERRORS_PER_ADDRESS,
            max_messages_per_endpoint=settings.INGRESS_MAX_MESSAGES_PER_ENDPOINT,
            max_recipients_per_endpoint=settings.INGRESS_MAX_RECIPIENTS_PER_ENDPOINT,
            max_bytes_per_endpoint=settings.INGRESS_MAX_BYTES_PER_ENDPOINT,
            max_errors_per_endpoint=settings.INGRESS_MAX_ERRORS_PER_ENDPOINT,
            max_auth_failures=settings.INGRESS_MAX_AUTH_FAILURES,
            max_auth_failures_per_endpoint=settings.INGRESS_MAX_AUTH_FAILURES_PER_ENDPOINT,
            unlimited_networks=NetworkSet(settings.INGRESS_UNLIMITED_NETWORKS),
            proxy_networks=NetworkSet(settings.INGRESS_PROXY_NETWORKS),
            idle_timeout_seconds=settings.INGRESS_IDLE_TIMEOUT_SECONDS,
            min_bytes_per_second=settings.INGRESS_MIN_BYTES_PER_SECOND,
            handshake_timeout_seconds=settings.INGRESS_HANDSHAKE_TIMEOUT_SECONDS,
            max_handshakes=settings.INGRESS_MAX_HANDSHAKES,
            shutdown_seconds=settings.INGRESS_SHUTDOWN_SECONDS,
            handover_seconds=settings.INGRESS_HANDOVER_SECONDS,
        )
