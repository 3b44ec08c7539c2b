"""What an accepted message costs in metrics: nothing but additions, however many there are."""

import asyncio
from collections import Counter

import pytest
from prometheus_client import metrics as library
from prometheus_client.mmap_dict import MmapedDict

from ingress.reporting import Reporter
from mailflow.spool_writer import Commit
from tests.ingress.machine import served

MESSAGE = ("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")


@pytest.fixture
def calls(monkeypatch) -> Counter[str]:
    """How often the library was asked for labels, and wrote into a file."""
    counted: Counter[str] = Counter()
    for owner, name in ((library.MetricWrapperBase, "labels"), (MmapedDict, "write_value")):
        plain = getattr(owner, name)

        def counting(*arguments, _plain=plain, _name=name, **options):
            counted[_name] += 1
            return _plain(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)
    return counted


class NoCommits:
    """The spool of these tests is in memory."""

    def take_commits(self) -> list[Commit]:
        return []


def _accept(ingress, dial, count):
    with dial(ingress) as peer:
        peer.says("EHLO c.example")
        for _ in range(count):
            peer.says(*MESSAGE)
            assert peer.sends_message(b"text\r\n").code == 250
        peer.says("QUIT")


def _report(ingress, reporter, calls) -> dict[str, int]:
    calls.clear()
    ingress.does(reporter.report())
    made = dict(calls)
    calls.clear()
    return made


async def _reporter(engine) -> Reporter:
    await asyncio.sleep(0)
    return Reporter(engine, NoCommits())


def test_messages_touch_no_metric_and_a_report_costs_the_same_for_any_number(
    make_ingress, dial, calls, redis_server
):
    ingress = make_ingress(served())
    reporter = ingress.does(_reporter(ingress.engine))
    _accept(ingress, dial, 1)
    _report(ingress, reporter, calls)  # the first makes the samples
    _accept(ingress, dial, 3)
    assert not calls
    few = _report(ingress, reporter, calls)
    _accept(ingress, dial, 60)
    assert not calls
    assert _report(ingress, reporter, calls) == few
    assert ingress.engine.tally.by_type["OPEN"].messages == 64
    ingress.does(reporter.close())
