"""Bounces, as a mail program reads them."""

import email
import email.policy
from datetime import UTC, datetime

import pytest

from mailflow.logic import dsn
from mailflow.logic.dsn import Report
from mailflow.logic.progress import Ending, EndingKind, Failure

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HEADER = b"From: Ann <ann@sender.example>\r\nSubject: Minutes\r\n\r\n"


def failure(forward_path="bob@inside.example", words="mx.y.example said 550 5.1.1 No such user", **fields):
    ending = Ending(
        EndingKind.FAILED, words, fields.get("status", "5.1.1"), fields.get("remote", "mx.y.example")
    )
    return Failure(forward_path, fields.get("recipient", forward_path), ending)


def compose(*failures, header=HEADER, to="ann@sender.example"):
    content = dsn.compose(
        Report(
            bounce_id="b" * 40,
            message_id="m" * 40,
            reporting_mta="mailmanager.test",
            to=to,
            received_at=NOW,
            made_at=NOW,
            failures=failures or [failure()],
            header=header,
        )
    )
    return content, email.message_from_bytes(content, policy=email.policy.default)


def test_it_is_a_report_with_three_parts():
    content, bounce = compose()
    assert bounce.get_content_type() == "multipart/report"
    assert bounce.get_param("report-type") == "delivery-status"
    assert bounce["Auto-Submitted"] == "auto-replied"
    assert bounce["To"] == "ann@sender.example"
    assert [part.get_content_type() for part in bounce.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert not bounce.defects
    assert content.replace(b"\r\n", b"").count(b"\n") == 0


def test_its_fields_say_who_was_not_reached_and_why():
    _, bounce = compose(failure(), failure("eve@inside.example", "gone", status="4.4.7", remote=""))
    message, bob, eve = bounce.get_payload(1).get_payload()
    assert message["Reporting-MTA"] == "dns; mailmanager.test"
    assert message["Arrival-Date"]
    assert (bob["Final-Recipient"], bob["Action"], bob["Status"]) == (
        "rfc822; bob@inside.example",
        "failed",
        "5.1.1",
    )
    assert bob["Remote-MTA"] == "dns; mx.y.example"
    assert "550 5.1.1 No such user" in bob["Diagnostic-Code"]
    assert (eve["Status"], eve["Remote-MTA"]) == ("4.4.7", None)


def test_what_a_recipient_was_rewritten_to_is_not_for_outside():
    content, _ = compose(failure(recipient="secret@internal.example", words="no"))
    assert b"secret@internal" not in content


def test_the_original_header_is_returned_not_its_body():
    _, bounce = compose(header=HEADER[:-2] + b"X-Raw: \xe4\xff=\r\n\r\n")
    returned = bounce.get_payload(2).get_payload(decode=True)
    assert b"Subject: Minutes\r\n" in returned
    assert b"X-Raw: \xe4\xff=\r\n" in returned


def test_a_bounce_stays_small_whatever_it_tells_of():
    many = [failure(f"user{number}@inside.example", "x" * 5_000) for number in range(3_000)]
    content, bounce = compose(*many, header=b"X-Long: " + b"y\r\n z" * 100_000 + b"\r\n\r\n")
    assert len(content) < 3 * 1024 * 1024
    assert "2,000 more" in bounce.get_payload(0).get_content()


def test_an_address_beyond_ascii_is_told_in_ascii():
    content, bounce = compose(failure("jürgen@inside.example"), to="zoë@sender.example")
    assert content.isascii()
    _, one = bounce.get_payload(1).get_payload()
    assert one["Final-Recipient"] == r"utf-8; j\x{FC}rgen@inside.example"
    assert "jürgen@inside.example" in bounce.get_payload(0).get_content()


@pytest.mark.parametrize("hostile", ["a\r\nBcc: all@x.example", "x\x00y", "--report-" + "b" * 40 + "--"])
def test_words_from_outside_break_out_of_nothing(hostile):
    _, bounce = compose(failure(words=hostile))
    assert "Bcc" not in bounce
    assert len(list(bounce.iter_parts())) == 3
    assert len(bounce.get_payload(1).get_payload()) == 2
