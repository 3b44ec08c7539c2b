"""Encoded words (RFC 2047) to text and back. Decoding is linear in time and never raises."""

import base64
import binascii
import re
from encodings.aliases import aliases

# encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="   (RFC 2047 §2, RFC 2231 §5)
_WORD = re.compile(r"=\?([^?*\s]{1,64})(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"\s*")

# NUL and lone surrogates can't be stored as text; line breaks and other controls have no business in
# a field, and would let an encoded word write fields of its own wherever the text is shown.
_UNFIT = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

# Only charsets that Python knows are looked up: it keeps every unknown name for good, and a sender
# can think of many. Left out: codecs from bytes to bytes, and those of other systems.
_NO_CHARSETS = {"rot_13", "mbcs", "tactis"}
_CHARSETS = frozenset(
    name
    for alias, codec in aliases.items()
    if not codec.endswith("_codec") and codec not in _NO_CHARSETS
    for name in (alias, codec)
)

# 75 characters at most, of which =?utf-8?b? and ?= take 12: 63, so 60 of Base64, which are 45 bytes.
_BYTES_A_WORD = 45


def decode_words(text: str) -> str:
    """`text` (unfolded) with its encoded words decoded; what can't be decoded stays as it is."""
    if "=?" not in text:
        return printable(text)
    pieces: list[str] = []
    waiting, waiting_charset, end = b"", "", 0
    for match in _WORD.finditer(text):
        charset, raw = _codec(match[1]), _raw(match[2], match[3])
        if charset is None or raw is None:
            continue
        between = text[end : match.start()]
        # White space between encoded words is no text; a character may be cut in two by them.
        is_adjacent = bool(waiting_charset) and _BETWEEN.fullmatch(between)
        if not (is_adjacent and charset == waiting_charset):
            pieces.append(_text(waiting, waiting_charset))
            waiting = b""
        if not is_adjacent:
            pieces.append(between)
        waiting, waiting_charset, end = waiting + raw, charset, match.end()
    pieces += [_text(waiting, waiting_charset), text[end:]]
    return printable("".join(pieces))


def printable(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)


def encode_words(text: str) -> list[str]:
    """`text` as encoded words (UTF-8, Base64), each fit for a line of its own; no character is cut."""
    words, chunk = [], b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > _BYTES_A_WORD:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    words.append(chunk)
    return [f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words]


def _codec(charset: str) -> str | None:
    name = charset.lower().replace("-", "_")
    return name if name in _CHARSETS else None


def _raw(encoding: str, encoded: str) -> bytes | None:
    try:
        octets = encoded.encode("ascii")
        if encoding in "qQ":
            return binascii.a2b_qp(octets, header=True)
        return binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))
    except ValueError:  # not ASCII, or no Base64 (binascii.Error is one)
        return None


def _text(raw: bytes, charset: str) -> str:
    if not charset:
        return ""
    try:
        return raw.decode(charset, "replace")
    except UnicodeError:  # a decoder that can't replace
        return raw.decode("ascii", "replace")
