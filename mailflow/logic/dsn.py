"""The text of a delivery status notification: multipart/report (RFC 6522) with delivery-status (RFC 3464)."""

import quopri
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailflow.logic.progress import Failure
from mailflow.logic.text import fit

# Of the original's header; a bounce stays small, whatever it tells of.
MAX_HEADER_BYTES = 32 * 1024
MAX_RECIPIENTS_TOLD = 1_000
_MAX_WORDS = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What is told to whom. `reporting_mta`: our host name. `header`: the original's, raw, CRLF."""

    bounce_id: str
    message_id: str
    reporting_mta: str
    to: str
    received_at: datetime
    made_at: datetime
    failures: Sequence[Failure]
    header: bytes


def compose(report: Report) -> bytes:
    """The whole bounce, CRLF, ASCII only."""
    boundary = f"report-{report.bounce_id}"
    sender = f"MAILER-DAEMON@{report.reporting_mta}"
    lines = [
        f"From: Mail Delivery System <{sender}>",
        f"To: <{_header_address(report.to)}>",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(report.made_at)}",
        f"Message-ID: <{report.bounce_id}@{report.reporting_mta}>",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-replied",  # RFC 3834 §5; RFC 3464 §2 wants no answer to it
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        "",
        "This is a delivery status notification in MIME format.",
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Description: Notification",
        "",
        _quoted(_explanation(report)),
        f"--{boundary}",
        "Content-Type: message/delivery-status",
        "Content-Description: Delivery report",
        "",
        *_status(report),
        f"--{boundary}",
        "Content-Type: text/rfc822-headers; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Description: Headers of the undelivered message",
        "",
        _quoted(_bounded(report.header)),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def _explanation(report: Report) -> bytes:
    lines = [
        f"This is the mail system at {report.reporting_mta}.",
        "",
        "Your message could not be delivered to the recipients below. No further attempts are made.",
        "",
    ]
    for failure in report.failures[:MAX_RECIPIENTS_TOLD]:
        lines.append(f"<{failure.forward_path}>: {_words(failure)}")
    if len(report.failures) > MAX_RECIPIENTS_TOLD:
        lines.append(f"… and {len(report.failures) - MAX_RECIPIENTS_TOLD:,} more.")
    lines += ["", f"Our reference: {report.message_id}", ""]
    return "\r\n".join(lines).encode("utf-8", "replace")


def _status(report: Report) -> list[str]:
    """Per-message fields, then a group for each recipient, an empty line before each (RFC 3464 §2.1)."""
    lines = [
        f"Reporting-MTA: dns; {report.reporting_mta}",
        f"Arrival-Date: {format_datetime(report.received_at)}",
        "",
    ]
    for failure in report.failures[:MAX_RECIPIENTS_TOLD]:
        lines += [
            # Always the address that the sender wrote: what it was rewritten to is not for outside.
            f"Final-Recipient: {_typed_address(failure.forward_path)}",
            "Action: failed",
            f"Status: {failure.ending.status or '5.0.0'}",
        ]
        if failure.ending.remote:
            lines.append(f"Remote-MTA: dns; {_ascii(failure.ending.remote)}")
        lines += [f"Diagnostic-Code: smtp; {_ascii(_words(failure))}", ""]
    return lines


def _words(failure: Failure) -> str:
    return fit(failure.ending.words, _MAX_WORDS) or "delivery failed"


def _typed_address(mailbox: str) -> str:
    """RFC 3464 §2.3.2; beyond ASCII as utf-8-addr-xtext (RFC 6533 §3), which needs no 8-bit transport."""
    if mailbox.isascii():
        return f"rfc822; {fit(mailbox, 320)}"
    escaped = "".join(
        c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in fit(mailbox, 320)
    )
    return f"utf-8; {escaped}"


def _header_address(mailbox: str) -> str:
    """For To:, which must stay ASCII; the envelope has the true one."""
    return fit(mailbox, 320) if mailbox.isascii() else "undisclosed@invalid"


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")


def _bounded(header: bytes) -> bytes:
    if len(header) <= MAX_HEADER_BYTES:
        return header
    return header[: header.rfind(b"\n", 0, MAX_HEADER_BYTES) + 1]


def _quoted(text: bytes) -> str:
    """Quoted-printable, lines of at most 76, CRLF (RFC 2045 §6.7)."""
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    encoded = b"\n".join(quopri.encodestring(line) for line in lines)
    return encoded.decode("ascii").replace("\n", "\r\n")
