"""The periodic look at endpoints' secrets: who breaks one later is told before the clients tell them."""

from collections import defaultdict

import structlog

from endpoints.credentials import secret_findings
from endpoints.models import IngressEndpoint

log = structlog.get_logger()

_BATCH = 1_000  # rows of one UPDATE


def check_secrets() -> None:
    """Keep at each endpoint with a secret what is wrong with that, and log what is new. The ingress has
    known since the change that broke it: this is for people."""
    endpoints = list(
        IngressEndpoint.objects.exclude(secret_arn="").only("id", "secret_arn", "secret_flaws").order_by("id")
    )
    findings = secret_findings(endpoints)
    changed: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for endpoint in endpoints:
        flaws = " ".join(finding.flaw for finding in findings[endpoint.id])
        if flaws != endpoint.secret_flaws:
            changed[endpoint.secret_flaws, flaws].append(endpoint.id)
    for (former, flaws), endpoint_ids in changed.items():
        for start in range(0, len(endpoint_ids), _BATCH):
            _keep(endpoint_ids[start : start + _BATCH], former, flaws)


def _keep(endpoint_ids: list[str], former: str, flaws: str) -> None:
    # Not `updated_at`: nobody has changed the endpoint.
    rows = IngressEndpoint.objects.filter(pk__in=endpoint_ids, secret_flaws=former)
    if not rows.update(secret_flaws=flaws):
        return
    for endpoint_id in endpoint_ids:
        if flaws:
            log.warning("endpoint_secret_unusable", endpoint=endpoint_id, flaws=flaws.split())
        else:
            log.info("endpoint_secret_usable", endpoint=endpoint_id)
