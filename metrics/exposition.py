"""What Prometheus hears of this node, and who else may hear it."""

import hmac
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from metrics.registry import IS_SHARED, REGISTRY, SLOTS

CONTENT_TYPE = CONTENT_TYPE_LATEST
# A proxy in front sets at least one of these: then a local peer says nothing of the client.
_FORWARDING = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
)


class NodeCollector(Collector):
    """The sums over all processes of the node, whichever of them is asked."""

    def collect(self) -> Iterable[Metric]:
        if not IS_SHARED:
            return REGISTRY.collect()
        files = [str(path) for path in SLOTS.counted_files()]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(files)
        return metrics


def exposition(*more: Collector) -> bytes:
    """In the text format of Prometheus: the node's metrics and those of `more`, asked now."""
    registry = CollectorRegistry()
    for collector in (NodeCollector(), *more):
        registry.register(collector)
    return generate_latest(registry)


def may_read(environ: Mapping[str, object]) -> bool:
    """Whether a WSGI request comes from this machine itself, or with the token."""
    scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    wanted = settings.METRICS_TOKEN
    if wanted and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), wanted.encode())
    return _is_local(str(environ.get("REMOTE_ADDR", ""))) and not any(name in environ for name in _FORWARDING)


def _is_local(address: str) -> bool:
    try:
        peer = ip_address(address)
    except ValueError:  # "" of a UNIX socket: a proxy is in front
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return (mapped or peer).is_loopback
