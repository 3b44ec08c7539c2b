"""Refusals reach the trace, in bulk, and never hold up the session that tells of them."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import reply
from mailflow import refusals
from mailflow.models import MessageTrace, Outcome, RecipientTrace, TraceEvent
from mailflow.refusals import Refusal, RefusalRecorder

pytestmark = pytest.mark.django_db(transaction=True)


def refusal(recipient="bob@inside.example", **fields):
    values = {
        "endpoint_id": "inp-1",
        "endpoint_name": "front",
        "session_id": "s1",
        "at": datetime.now(UTC),
        "peer_address": "192.0.2.7",
        "helo": "mx.sender.example",
        "tls_version": "TLS1_3",
        "reverse_path": "ann@sender.example",
        "recipient": recipient,
        "reply": reply.ACCESS_DENIED,
        "explanation": {"Decision": "DENY"},
    }
    return Refusal(**{**values, **fields})


@pytest.fixture
def record():
    """`record(*refusals)`, written when it returns."""

    def run(*told):
        recorder = RefusalRecorder()
        recorder.start()
        for one in told:
            recorder.record(one)
        recorder.close()

    return run


def test_recipients_refused_in_one_transaction_are_one_trace(record):
    record(refusal("bob@inside.example"), refusal("eve@inside.example"))
    trace = MessageTrace.objects.get()
    assert (trace.outcome, trace.session_id, trace.reverse_path) == ("REFUSED", "s1", "ann@sender.example")
    assert [(r.mailbox, r.outcome) for r in trace.recipients.all()] == [
        ("bob@inside.example", Outcome.REFUSED),
        ("eve@inside.example", Outcome.REFUSED),
    ]
    assert [event.detail["Reply"] for event in trace.events.all()] == [str(reply.ACCESS_DENIED)] * 2


def test_refusals_of_other_sessions_and_senders_are_traces_of_their_own(record):
    record(refusal(), refusal(session_id="s2"), refusal(reverse_path=""))
    assert MessageTrace.objects.count() == 3


def test_a_flood_in_one_session_is_split_into_traces_of_bounded_size(record):
    record(*(refusal(f"user{number}@inside.example") for number in range(250)))
    assert MessageTrace.objects.count() == 3
    assert RecipientTrace.objects.count() == TraceEvent.objects.count() == 250


def test_a_refusal_without_a_recipient_is_told_too(record):
    record(refusal("", reply=reply.MESSAGE_TOO_LARGE, explanation=None))
    assert TraceEvent.objects.get().detail["Reply"].startswith("552 5.3.4")
    assert not RecipientTrace.objects.exists()


def test_hostile_words_are_made_fit_to_be_stored(record):
    record(refusal(helo="x\x00y\udcff" + "z" * 400, peer_address="fe80::1%eth0"))
    trace = MessageTrace.objects.get()
    assert trace.helo.startswith("x y z")
    assert len(trace.helo) == 255
    assert trace.peer_address == "fe80::1"


def test_what_is_too_much_is_dropped_without_blocking(record, monkeypatch):
    monkeypatch.setattr(refusals, "MAX_WAITING", 10)
    recorder = RefusalRecorder()  # not started: nothing is taken out
    for number in range(50):
        recorder.record(refusal(f"user{number}@inside.example"))
    recorder.start()
    recorder.close()
    assert RecipientTrace.objects.count() == 10


def test_the_number_of_queries_does_not_follow_the_number_of_refusals():
    def queries(count):
        recorder = RefusalRecorder()
        rows = recorder._rows(
            [refusal(f"u{n}@inside.example", session_id=f"{count}.{n}") for n in range(count)]
        )
        with CaptureQueriesContext(
            connection,
        ) as captured:
            refusals._write(*rows)
        return len(captured)

    assert queries(5) == queries(50)
