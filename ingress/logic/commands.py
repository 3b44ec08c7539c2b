"""What stands behind the verbs: parameters of MAIL and RCPT, client names, chunk sizes."""

import re
from dataclasses import dataclass
from functools import lru_cache

from core import reply
from core.reply import Reply
from ingress.logic.mailbox import read_path

# 512 with CRLF (RFC 5321 §4.5.3.1.4), and what extensions add to MAIL: SIZE 26 (RFC 1870 §3),
# BODY 17 (RFC 6152 §2), SMTPUTF8 10 (RFC 6531 §3.1), AUTH 500 (RFC 4954 §3).
MAX_COMMAND_BYTES = 512 + 26 + 17 + 10 + 500

# Domain or address literal (RFC 5321 §4.1.1.1), loosely: a name is no reason to refuse (§4.1.4), but
# it goes into our Received: field, so nothing that could end a line or a comment there.
_CLIENT_NAME = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
_FROM = re.compile(rb"FROM: *", re.IGNORECASE)  # the space is no grammar's, but many a client's
_TO = re.compile(rb"TO: *", re.IGNORECASE)
_POSTMASTER = re.compile(rb"<postmaster>", re.IGNORECASE)
# esmtp-keyword ["=" esmtp-value] (§4.1.2); values of UTF-8 only with SMTPUTF8, which defines none here
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
_SIZE = re.compile(r"[0-9]{1,20}")  # RFC 1870 §4
# Senders and recipients come again and again: the last ones need not be parsed anew. At most 2 MB each.
_MAX_REMEMBERED = 1024
_CHUNK = re.compile(rb"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)  # RFC 3030 §2


@dataclass(frozen=True, slots=True)
class Mail:
    """`reverse_path` "" is the null one. `size_bytes` None: not declared."""

    reverse_path: str
    size_bytes: int | None = None
    is_8bitmime: bool = False
    is_smtputf8: bool = False


def read_client_name(argument: bytes) -> str | None:
    """Of EHLO and HELO; None where it is missing or can't be quoted in a header."""
    name = argument.strip()
    return name.decode() if _CLIENT_NAME.fullmatch(name) else None


@lru_cache(_MAX_REMEMBERED)
def read_mail(argument: bytes) -> Mail | Reply:
    """`FROM:<path> parameters`, or the reply that says what is wrong with it."""
    keyword = _FROM.match(argument)
    if keyword is None:
        return reply.SENDER_SYNTAX
    path = argument[keyword.end() :]
    if path.startswith(b"<>"):
        mailbox, rest = "", path[2:]
    else:
        found = read_path(path)
        if found is None:
            return reply.SENDER_SYNTAX
        mailbox, rest = found
    if not rest and mailbox.isascii():
        return Mail(mailbox)
    return _with_parameters(mailbox, rest)


def _with_parameters(mailbox: str, rest: bytes) -> Mail | Reply:
    parameters = _read_parameters(rest)
    if isinstance(parameters, Reply):
        return parameters
    size_bytes, is_8bitmime, is_smtputf8 = None, False, False
    for keyword, value in parameters.items():
        match keyword:
            case "SIZE" if value and _SIZE.fullmatch(value):
                size_bytes = int(value)
            case "BODY" if value and value.upper() in ("7BIT", "8BITMIME"):
                is_8bitmime = value.upper() == "8BITMIME"
            case "SMTPUTF8" if value is None:
                is_smtputf8 = True
            case "AUTH" if value:
                pass  # RFC 4954 §5: to be taken; we trust no client that far, so it stays unused
            case "SIZE" | "BODY" | "SMTPUTF8" | "AUTH":
                return reply.SYNTAX_ERROR
            case _:
                return reply.PARAMETER_UNKNOWN
    if not (is_smtputf8 or mailbox.isascii()):
        return reply.SMTPUTF8_NEEDED
    return Mail(mailbox, size_bytes, is_8bitmime, is_smtputf8)


def _read_parameters(rest: bytes) -> dict[str, str | None] | Reply:
    if not rest.isascii() or (rest and not rest.startswith(b" ")):
        return reply.SYNTAX_ERROR
    parameters: dict[str, str | None] = {}
    for text in rest.decode().split():
        match = _PARAMETER.fullmatch(text)
        if match is None or match[1].upper() in parameters:
            return reply.SYNTAX_ERROR
        parameters[match[1].upper()] = match[2]
    return parameters


@lru_cache(_MAX_REMEMBERED)
def read_rcpt(argument: bytes, *, is_smtputf8: bool, host_name: str) -> str | Reply:
    """`TO:<path>` as a mailbox, or the reply that says what is wrong with it.

    `<Postmaster>` alone is the postmaster of `host_name` (RFC 5321 §4.5.1).
    """
    keyword = _TO.match(argument)
    if keyword is None:
        return reply.RECIPIENT_SYNTAX
    path = argument[keyword.end() :]
    found = read_path(path)
    if found is None:
        postmaster = _POSTMASTER.match(path)
        if postmaster is None:
            return reply.RECIPIENT_SYNTAX
        found = f"postmaster@{host_name}", path[postmaster.end() :]
    mailbox, rest = found
    if rest:
        parameters = _read_parameters(rest)
        if isinstance(parameters, Reply):
            return parameters
        if parameters:
            return reply.PARAMETER_UNKNOWN
    if not (is_smtputf8 or mailbox.isascii()):
        return reply.SMTPUTF8_NEEDED
    return mailbox


def read_chunk(argument: bytes) -> tuple[int, bool] | None:
    """Of BDAT: how many bytes follow, and whether they are the last; None where it is malformed."""
    match = _CHUNK.fullmatch(argument.strip())
    return (int(match[1]), match[2] is not None) if match else None
