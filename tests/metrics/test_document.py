"""docs/metrics.md has a line for each metric, with its kind, labels and meaning."""

import re
from typing import Any

from mailmanager.metrics_answer import SpoolCollector
from metrics.registry import REGISTRY
from tests.servers.worker import REPOSITORY

_ROW = re.compile(r"^\| (mailmanager_\w+) \| (\w+) \| ([\w, ]*?) ?\| (.+) \|$", re.MULTILINE)


def test_every_metric_has_its_line_and_no_other():
    written = {
        name: (kind, labels, meaning)
        for name, kind, labels, meaning in _ROW.findall((REPOSITORY / "docs" / "metrics.md").read_text())
    }
    kept = {}
    collector: Any
    for collector in set(REGISTRY._collector_to_names):
        (family,) = collector.describe()
        kept[family.name] = (family.type, ", ".join(collector._labelnames), family.documentation)
    of_spool: Any
    for of_spool in SpoolCollector().describe():
        kept[of_spool.name] = (of_spool.type, ", ".join(of_spool._labelnames), of_spool.documentation)
    assert written == kept
