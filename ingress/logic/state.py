"""What a session and a transaction remember, in the words of aiosmtpd's Session and Envelope.

The ingress hands those in; the logic only says which of their attributes it reads and writes.
"""

from typing import Protocol


class SessionState(Protocol):
    """What is known of the connection (aiosmtpd's Session). `host_name` None: no EHLO yet."""

    host_name: str | None
    extended_smtp: bool
    authenticated: bool | None


class EnvelopeState(Protocol):
    """What is known of the transaction (aiosmtpd's Envelope). `mail_from` "": the null reverse-path."""

    mail_from: str | None
    mail_options: list[str]
    smtp_utf8: bool
    rcpt_tos: list[str]
