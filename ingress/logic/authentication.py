"""The lines of an AUTH exchange (RFC 4954): LOGIN, which no RFC fixes but every client speaks, and
PLAIN (RFC 4616)."""

import binascii
from collections.abc import Callable

from core import reply
from core.reply import Reply
from ingress.logic.events import AuthRequested

MAX_RESPONSE_BYTES = 12_288  # RFC 4954 §4, without CRLF

Step = Reply | AuthRequested  # a Reply with code 334 asks for one more line, any other ends the exchange


class AuthExchange:
    """`begin` with what follows AUTH, then `respond` with each line, until the step is no 334."""

    __slots__ = ("_login", "_next")

    def __init__(self) -> None:
        self._login = b""
        self._next: Callable[[bytes], Step] = self._take_login

    def begin(self, argument: bytes) -> Step:
        mechanism, _, initial = argument.partition(b" ")
        match mechanism.upper():
            case b"LOGIN":
                self._next, challenge = self._take_login, reply.AUTH_USER_NAME
            case b"PLAIN":
                self._next, challenge = _take_plain, reply.AUTH_EMPTY_CHALLENGE
            case b"":
                return reply.SYNTAX_ERROR
            case _:
                return reply.AUTH_MECHANISM_UNKNOWN
        if not initial:
            return challenge
        return self.respond(b"" if initial == b"=" else initial)  # "=": an empty one (RFC 4954 §4)

    def respond(self, line: bytes) -> Step:
        if line == b"*":
            return reply.AUTH_CANCELLED
        try:
            response = binascii.a2b_base64(line, strict_mode=True) if line else b""
        except binascii.Error:
            return reply.AUTH_MALFORMED
        return self._next(response)

    def _take_login(self, response: bytes) -> Step:
        self._login, self._next = response, self._take_password
        return reply.AUTH_PASSWORD

    def _take_password(self, response: bytes) -> Step:
        return AuthRequested("LOGIN", self._login, response)


def _take_plain(response: bytes) -> Step:
    """message = [authzid] NUL authcid NUL passwd. Acting for somebody else is not for us to grant."""
    parts = response.split(b"\0")
    if len(parts) != 3:
        return reply.AUTH_MALFORMED
    authorization, login, password = parts
    if authorization not in (b"", login):
        return reply.AUTH_INVALID
    return AuthRequested("PLAIN", login, password)
