"""SMTP replies (RFC 5321 §4.2) with enhanced status codes (RFC 3463), as code and tests both say them."""

from typing import NamedTuple, Self


class _Parts(NamedTuple):
    code: int
    enhanced_code: str
    text: str
    wire: bytes


class Reply(_Parts):
    """One reply. `enhanced_code` is "" where RFC 2034 §4 allows none (greeting, EHLO, 354, 334).

    `wire`: the line as sent, with CRLF, made once: the same few replies are sent all day.
    """

    __slots__ = ()

    def __new__(cls, code: int, enhanced_code: str, text: str) -> Self:
        # The space stays where nothing follows: `334 SP [base64] CRLF` (RFC 4954 §8).
        line = f"{code} {enhanced_code} {text}" if enhanced_code else f"{code} {text}"
        return super().__new__(cls, code, enhanced_code, text, f"{line}\r\n".encode("ascii"))

    def __str__(self) -> str:
        return self.wire[:-2].decode()

    def encode(self) -> bytes:
        return self.wire

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
CHUNK_OK = Reply(250, "2.0.0", "Ok, chunk received")
HELP = Reply(214, "2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT (RFC 5321)")
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
CLIENT_CERTIFICATE_REQUIRED = Reply(530, "5.7.0", "A client certificate is required")
CLIENT_CERTIFICATE_REFUSED = Reply(
    554, "5.7.1", "Client certificate not accepted: it has expired or was revoked"
)
TLS_UNAVAILABLE = Reply(454, "4.7.0", "TLS not available, try again later")

ENDPOINT_CLOSED = Reply(421, "4.3.2", "This endpoint is closed, try again later")
SHUTTING_DOWN = Reply(421, "4.3.2", "Service shutting down, try again later")
ENDPOINT_NOT_READY = Reply(451, "4.3.2", "This endpoint is not ready yet, try again later")
TOO_SLOW = Reply(421, "4.4.2", "Data is coming too slowly, closing connection")
IDLE_TIMEOUT = Reply(421, "4.4.2", "Idle for too long, closing connection")
SERVER_BUSY = Reply(421, "4.3.2", "Too many connections, try again later")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from your address, try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, closing connection")
ADDRESS_HAD_ERRORS = Reply(421, "4.7.0", "Too many errors from your address, try again later")
ENDPOINT_HAD_ERRORS = Reply(421, "4.7.0", "Too many errors at this endpoint, try again later")
TOO_MUCH_MAIL = Reply(450, "4.7.1", "Too much mail from your address, try again later")
ENDPOINT_HAS_ENOUGH = Reply(450, "4.7.1", "Too much mail for this endpoint, try again later")

ACCESS_DENIED = Reply(550, "5.7.1", "Recipient refused by policy")
ACCESS_UNKNOWN = Reply(451, "4.3.0", "Recipient can't be checked now, try again later")
MESSAGE_TOO_LARGE = Reply(552, "5.3.4", "Message exceeds the maximum size")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
BARE_LINE_ENDING = Reply(550, "5.6.11", "Bare CR or LF is not allowed; lines end with CRLF")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
NULL_BYTE = Reply(550, "5.6.0", "NUL is not allowed in mail")
TOO_MANY_HOPS = Reply(554, "5.4.6", "Too many hops, this looks like a mail loop")

SPOOL_FAILED = Reply(451, "4.3.0", "Could not store the message, try again later")
STORAGE_FULL = Reply(452, "4.3.1", "Insufficient storage, try again later")


def greeting(host_name: str) -> Reply:
    """The first line of a session (RFC 5321 §4.2: host name, then free text)."""
    return Reply(220, "", f"{host_name} ESMTP")


def accepted(message_id: str) -> Reply:
    """The message is durably ours; the ID finds it in the trace."""
    return Reply(250, "2.0.0", f"Ok {message_id}")


def local_error(reference: str) -> Reply:
    """An unforeseen error is temporary; `reference` finds it in the log and says nothing else."""
    return Reply(451, "4.3.0", f"Local error in processing, reference {reference}")


COMMAND_UNKNOWN = Reply(500, "5.5.2", "Command not recognized")
COMMAND_NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
NEED_HELO = Reply(503, "5.5.1", "Send EHLO or HELO first")
NEED_MAIL = Reply(503, "5.5.1", "Need MAIL command first")
MAIL_ALREADY = Reply(503, "5.5.1", "Sender already given, RSET first")
NEED_RECIPIENT = Reply(503, "5.5.1", "Need RCPT command first")
SYNTAX_ERROR = Reply(501, "5.5.4", "Syntax error in parameters or arguments")
SENDER_SYNTAX = Reply(501, "5.1.7", "Bad reverse-path syntax")
RECIPIENT_SYNTAX = Reply(501, "5.1.3", "Bad forward-path syntax")
PARAMETER_UNKNOWN = Reply(555, "5.5.4", "MAIL FROM/RCPT TO parameters not recognized")
SMTPUTF8_NEEDED = Reply(553, "5.6.7", "Address needs SMTPUTF8")
