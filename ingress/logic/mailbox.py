r"""Paths of MAIL and RCPT (RFC 5321 §4.1.2, RFC 6531 §3.3): the plain ones quickly, all others fully.

    Path           = "<" [ A-d-l ":" ] Mailbox ">"
    A-d-l          = At-domain *( "," At-domain )
    Mailbox        = Local-part "@" ( Domain / address-literal )
    Local-part     = Dot-string / Quoted-string
    Domain         = sub-domain *("." sub-domain)
    sub-domain     = Let-dig [Ldh-str]                  ; RFC 6531 adds U-labels
    QcontentSMTP   = qtextSMTP / quoted-pairSMTP        ; RFC 6531 adds UTF8-non-ascii
    qtextSMTP      = %d32-33 / %d35-91 / %d93-126
    quoted-pairSMTP = "\" %d32-126

# DEVIATION: `_` is taken within a domain, as every large receiver does: hosts have such names.
"""

import re
from ipaddress import IPv4Address, IPv6Address

MAX_LOCAL_PART_BYTES = 64  # RFC 5321 §4.5.3.1.1
MAX_DOMAIN_BYTES = 255  # §4.5.3.1.2
MAX_MAILBOX_BYTES = 256 - 2  # §4.5.3.1.3, without the angle brackets that it counts


def _dot_string(letters: str) -> str:
    return rf"[{letters}]+(?:\.[{letters}]+)*"


def _domain(letters: str) -> str:
    label = rf"[{letters}](?:[{letters}-]*[{letters}])?"
    return rf"{label}(?:\.{label})*"


_UTF8 = "\u0080-\U0010ffff"
_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_LETTERS = "A-Za-z0-9_"
_DOMAIN = _domain(_LETTERS + _UTF8)

_PLAIN_PATH = re.compile(rf"<({_dot_string(_ATEXT)})@({_domain(_LETTERS)})>".encode())
_DOT_STRING = re.compile(_dot_string(_UTF8 + _ATEXT))
_FULL_PATH = re.compile(
    rf"<(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"  # a source route is taken and ignored (RFC 5321 appendix C)
    rf"(?:(?P<dot_string>{_dot_string(_UTF8 + _ATEXT)})"
    rf'|"(?P<quoted>(?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*)")'
    rf"@(?:(?P<domain>{_DOMAIN})|\[(?P<literal>[!-Z^-~]+)\])>"
)
_GENERAL_LITERAL = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+")
_QUOTED_PAIR = re.compile(r"\\(.)")
_TO_QUOTE = re.compile(r'(["\\])')


def read_path(argument: bytes) -> tuple[str, bytes] | None:
    """The mailbox of the path that `argument` begins with, and what follows it; None where that is none.

    A local part is quoted only where it must be: `"bob"@x` is bob@x, so that no policy that names
    one can be walked around with the other.
    """
    plain = _PLAIN_PATH.match(argument)
    if plain:
        local_part, domain = plain.groups()
        size = len(local_part) + 1 + len(domain)
        if size <= MAX_MAILBOX_BYTES and len(local_part) <= MAX_LOCAL_PART_BYTES:
            return f"{local_part.decode()}@{domain.decode()}", argument[plain.end() :]
        return None
    return _read_any_path(argument)


def _read_any_path(argument: bytes) -> tuple[str, bytes] | None:
    try:
        text = argument.decode()
    except UnicodeDecodeError:
        return None
    match = _FULL_PATH.match(text)
    if match is None:
        return None
    domain = match["domain"]
    if domain is None:
        if not _is_address_literal(match["literal"]):
            return None
        domain = f"[{match['literal']}]"
    local_part = match["dot_string"]
    if local_part is None:
        local_part = _normalized(match["quoted"])
    mailbox = f"{local_part}@{domain}"
    if (
        len(local_part.encode()) > MAX_LOCAL_PART_BYTES
        or len(domain.encode()) > MAX_DOMAIN_BYTES
        or len(mailbox.encode()) > MAX_MAILBOX_BYTES
    ):
        return None
    return mailbox, text[match.end() :].encode()


def _normalized(quoted: str) -> str:
    """What stands between the quotes as a local part: bare where it can be, else with few backslashes."""
    content = _QUOTED_PAIR.sub(r"\1", quoted)
    if _DOT_STRING.fullmatch(content):
        return content
    return '"' + _TO_QUOTE.sub(r"\\\1", content) + '"'


def _is_address_literal(literal: str) -> bool:
    """RFC 5321 §4.1.3: `192.0.2.1`, `IPv6:2001:db8::1`, or `tag:content` of a standard to come."""
    tag, _, address = literal.partition(":")
    try:
        if tag.upper() == "IPV6":
            return bool(IPv6Address(address))
        return bool(_GENERAL_LITERAL.fullmatch(literal)) or bool(IPv4Address(literal))
    except ValueError:
        return False
