"""What the node's metrics say, read as Prometheus reads it."""

from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ingress.conftest import make_endpoint, make_ingress, start
from tests.mailflow.conftest import make_rule_set, quick_retries, runner, spooled

__all__ = ["make_endpoint", "make_ingress", "make_rule_set", "quick_retries", "runner", "spooled", "start"]


class Scrape:
    """`scrape("mailmanager_…_total", kind="Drop")`: the sum of the samples with at least these labels."""

    def __init__(self, text: str) -> None:
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def __call__(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture
def scrape(live_server) -> Callable[[], Scrape]:
    """Over HTTP, from this machine."""

    def ask() -> Scrape:
        response = httpx.get(f"{live_server.url}/metrics")
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        return Scrape(response.text)

    return ask
