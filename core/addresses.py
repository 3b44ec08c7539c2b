"""Addresses out of header fields (RFC 5322 §3.4, RFC 6532): tolerant, linear in time, never raises.

    address-list = (address *("," address))
    group        = display-name ":" [group-list] ";"
    angle-addr   = "<" [route] local-part "@" domain ">"      (route: RFC 5322 §4.4)

What mail really carries is taken too: addresses without commas between them, unclosed quotes and
comments, a whole address inside an encoded word.
"""

import re
from collections.abc import Iterator

from core.encoded_words import decode_words

# One plain mailbox, as nearly all fields have it: a@b.example or Name <a@b.example>.
_PLAIN = re.compile(r"(?:[^\"(),:;<>@\\\[\]]*+<)?([\w.!#$%&'*+/=?^`{|}~-]++@[\w.-]++)>?\s*+")
# One of several such mailboxes, the name of each perhaps in quotes, with the comma behind it.
_LISTED = re.compile(
    r"""\s*+
    (?: (?: "[^"\\]*+" | [^"(),:;<>@\\\[\]]*+ ) \s*+ < ([\w.!#$%&'*+/=?^`{|}~-]++@[\w.-]++) >
      | ([\w.!#$%&'*+/=?^`{|}~-]++@[\w.-]++) )
    \s*+ (,|\Z)""",
    re.VERBOSE,
)
_TOKEN = re.compile(
    r"""
      (?P<quoted> "(?P<inner>(?:[^"\\]|\\.)*+)(?P<closed>")? )
    | (?P<literal> \[[^\[\]\\]*+\] )
    | (?P<special> [<>,:;@(] )
    | (?P<space> \s++ )
    | (?P<atom> [^\s"\[<>,:;@(]++ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_PART = re.compile(r"\\.|[()]", re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_DOT_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")  # \w: RFC 6532 §3.2
_A_LABEL = re.compile(r"(?<![^@.])xn--([a-z0-9-]{1,59})(?![^.>])", re.IGNORECASE)  # 63 octets in all


def parse_addresses(field: str) -> tuple[str, ...]:
    """The addr-specs of an unfolded, undecoded field value, each once, in order; () where none is.

    Case stays; a quoted local part that needs no quotes loses them; domains in A-labels (`xn--…`)
    are given in Unicode.
    """
    plain = _PLAIN.fullmatch(field)
    if plain and ("<" in field) == (">" in field):
        return (unicode_domain(plain[1]),)
    if listed := _listed(field):
        return listed
    if "@" not in field and "=?" in field:  # some clients encode the address with the name
        field = decode_words(field)
    return tuple(dict.fromkeys(map(unicode_domain, _scan(field))))


def _listed(field: str) -> tuple[str, ...]:
    """The addresses of a list of plain mailboxes; () where something else is in it."""
    found: list[str] = []
    position, comma = 0, ","
    while comma:
        match = _LISTED.match(field, position)
        if match is None or match.end() - position > _MAX_LENGTH:
            return ()
        comma, position = match[3], match.end()
        found.append(unicode_domain(match[1] or match[2]))
    return tuple(dict.fromkeys(found))


def unicode_domain(text: str) -> str:
    """`text` with each A-label (RFC 5890 §2.3.2.1) after an @ or a dot as the Unicode that it stands for."""
    return _A_LABEL.sub(_u_label, text) if "xn--" in text or "XN--" in text else text


def _u_label(match: re.Match[str]) -> str:
    try:
        label = match[1].lower().encode("ascii").decode("punycode")
    except UnicodeError:
        return match[0]
    is_text = label.isprintable() and not any(sign in label for sign in '@.<>," ')
    return label if is_text else match[0]


# Twice what an address may have (RFC 5321 §4.5.3.1: 64 + 1 + 255), in octets of SMTPUTF8: no address.
_MAX_LENGTH = 640


class _Mailbox:
    """What was read since the last separator: words outside angle brackets, and what is inside them."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.with_at: list[bool] = []
        self.angles: list[str] = []
        self.is_in_angle = False
        self.is_apart = False  # white space or a comment since the last word

    def add(self, text: str, *, is_at: bool = False) -> None:
        if self.is_in_angle:
            if len(self.angles[-1]) <= _MAX_LENGTH:
                self.angles[-1] += text
            return
        # CFWS may surround the dots and the @ of an obsolete addr-spec (RFC 5322 §4.4).
        goes_on = self.words and (
            not self.is_apart or is_at or text.startswith(".") or self.words[-1].endswith((".", "@"))
        )
        if goes_on:
            if len(self.words[-1]) <= _MAX_LENGTH:  # so that no endless word costs its square
                self.words[-1] += text
            self.with_at[-1] |= is_at
        else:
            self.words.append(text)
            self.with_at.append(is_at)
        self.is_apart = False

    def holds(self, separator: str) -> bool:
        """Whether the sign is part of an angle-addr: of its route, or a colon as in <mailto:…>."""
        return self.is_in_angle and (separator == ":" or self.angles[-1].startswith("@"))

    def addresses(self) -> Iterator[str]:
        if self.angles:
            for inner in self.angles:
                _route, _colon, address = inner.rpartition(":") if inner.startswith("@") else ("", "", inner)
                yield address
        else:
            yield from (word for word, has_at in zip(self.words, self.with_at, strict=True) if has_at)


def _scan(field: str) -> Iterator[str]:
    mailbox, position = _Mailbox(), 0
    while match := _TOKEN.match(field, position):
        position = match.end()
        text = match[0]
        match match.lastgroup:
            case "quoted" if match["closed"]:
                mailbox.add(_plain_local_part(match["inner"]))
            case "quoted":  # never closed: the quotes of the rest mean nothing
                field, position = field[: match.start()] + text.replace('"', " "), match.start()
            case "space":
                mailbox.is_apart = True
            case "special" if text == "(":
                end = _comment_end(field, position)
                if end is None:  # never closed either
                    field = field[: match.start()] + field[match.start() :].replace("(", " ")
                position = end or match.start()
                mailbox.is_apart = True
            case "special" if text == "<":
                mailbox.angles.append("")
                mailbox.is_in_angle = True
            case "special" if text == ">":
                mailbox.is_in_angle = False
            case "special" if text in ",;:" and not mailbox.holds(text):
                if text != ":":  # what stands before a colon is a group's name
                    yield from filter(_is_address, mailbox.addresses())
                mailbox = _Mailbox()
            case _:
                mailbox.add(text, is_at=text == "@")
    yield from filter(_is_address, mailbox.addresses())


def _comment_end(field: str, position: int) -> int | None:
    """Where the comment that was opened before `position` is closed; comments nest (RFC 5322 §3.2.2)."""
    depth = 1
    for part in _COMMENT_PART.finditer(field, position):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if not depth:
            return part.end()
    return None


def _plain_local_part(inner: str) -> str:
    """A quoted string, without its quotes where it means the same without (RFC 5321 §4.1.2)."""
    meant = _QUOTED_PAIR.sub(r"\1", inner)
    if _DOT_ATOM.fullmatch(meant):
        return meant
    escaped = meant.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_address(text: str) -> bool:
    local_part, at, domain = text.rpartition("@")
    return bool(local_part and at and domain) and len(text) <= _MAX_LENGTH
