"""SMTP replies (RFC 5321 §4.2) with enhanced status codes (RFC 3463), as code and tests both say them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `enhanced_code` is "" where RFC 2034 §4 allows none (greeting, EHLO, 354, 334)."""

    code: int
    enhanced_code: str
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced_code, self.text) if part)

    def encode(self) -> bytes:
        """The line as sent, with CRLF. Texts are ASCII by construction."""
        return f"{self}\r\n".encode("ascii")

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500


OK = Reply(250, "2.0.0", "Ok")
RESET_OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
BYE = Reply(221, "2.0.0", "Bye")
START_MAIL_INPUT = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
CANNOT_VERIFY = Reply(252, "2.5.2", "Cannot VRFY user, but will accept message and attempt delivery")

AUTH_USER_NAME = Reply(334, "", "VXNlcm5hbWU6")  # "Username:"
AUTH_PASSWORD = Reply(334, "", "UGFzc3dvcmQ6")  # "Password:"
AUTH_EMPTY_CHALLENGE = Reply(334, "", "")
AUTH_SUCCEEDED = Reply(235, "2.7.0", "Authentication successful")
AUTH_CANCELLED = Reply(501, "5.0.0", "Authentication cancelled")
AUTH_MALFORMED = Reply(501, "5.5.2", "Cannot decode the response; it must be Base64")
AUTH_MECHANISM_UNKNOWN = Reply(504, "5.5.4", "Unrecognized authentication type; use LOGIN or PLAIN")
AUTH_ALREADY = Reply(503, "5.5.1", "Already authenticated")
AUTH_REQUIRED = Reply(530, "5.7.0", "Authentication required")
AUTH_INVALID = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_UNAVAILABLE = Reply(454, "4.7.0", "Temporary authentication failure")
AUTH_TOO_MANY = Reply(421, "4.7.0", "Too many failed authentications, try again later")

TLS_REQUIRED = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is already active")
TLS_UNAVAILABLE = Reply(454, "4.7.0", "TLS not available, try again later")

ENDPOINT_CLOSED = Reply(421, "4.3.2", "This endpoint is closed, try again later")
SHUTTING_DOWN = Reply(421, "4.3.2", "Service shutting down, try again later")
IDLE_TIMEOUT = Reply(421, "4.4.2", "Idle for too long, closing connection")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from your address, try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing connection")

ACCESS_DENIED = Reply(550, "5.7.1", "Recipient refused by policy")
MESSAGE_TOO_LARGE = Reply(552, "5.3.4", "Message exceeds the maximum size")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
BARE_LINE_ENDING = Reply(550, "5.6.11", "Bare CR or LF is not allowed; lines end with CRLF")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
NULL_BYTE = Reply(550, "5.6.0", "NUL is not allowed in mail")

SPOOL_FAILED = Reply(451, "4.3.0", "Could not store the message, try again later")
STORAGE_FULL = Reply(452, "4.3.1", "Insufficient storage, try again later")


def local_error(reference: str) -> Reply:
    """An unforeseen error is temporary; `reference` finds it in the log and says nothing else."""
    return Reply(451, "4.3.0", f"Local error in processing, reference {reference}")


COMMAND_UNKNOWN = Reply(500, "5.5.2", "Command not recognized")
COMMAND_NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
NEED_MAIL = Reply(503, "5.5.1", "Need MAIL command first")
NEED_RECIPIENT = Reply(503, "5.5.1", "Need RCPT command first")
SYNTAX_ERROR = Reply(501, "5.5.4", "Syntax error in parameters or arguments")
SENDER_SYNTAX = Reply(501, "5.1.7", "Bad reverse-path syntax")
RECIPIENT_SYNTAX = Reply(501, "5.1.3", "Bad forward-path syntax")
PARAMETER_UNKNOWN = Reply(555, "5.5.4", "MAIL FROM/RCPT TO parameters not recognized")
SMTPUTF8_NEEDED = Reply(553, "5.6.7", "Address needs SMTPUTF8")
