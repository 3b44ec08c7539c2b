"""Replies of an SMTP or LMTP server, as a client reads them: bytes in, replies out."""

import re
from dataclasses import dataclass

# RFC 5321 §4.5.3.1.5 has 512; servers write longer ones. Both only bound what a peer can make us hold.
MAX_LINE_BYTES = 4096
MAX_LINES = 256

# Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
# Reply-code = %x32-35 %x30-35 %x30-39; the second digit is taken as it comes (RFC 5321 §4.2)
_LINE = re.compile(r"(?P<code>[2-5]\d\d)(?:(?P<more>[ -])(?P<text>.*))?", re.ASCII | re.DOTALL)
_ENHANCED_CODE = re.compile(r"(?P<code>[245]\.\d{1,3}\.\d{1,3})(?: |$)", re.ASCII)  # RFC 2034 §4
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\x80-\U0010ffff]|[\x80-\x9f\u2028\u2029]")


class ReplySyntaxError(Exception):
    """What came is no reply; nothing after it can be trusted."""


@dataclass(frozen=True, slots=True)
class HeardReply:
    """`texts`: one for each line, enhanced code taken off; unprintable characters replaced."""

    code: int
    enhanced_code: str
    texts: tuple[str, ...]

    def __str__(self) -> str:
        text = " ".join(filter(None, self.texts))
        return " ".join(filter(None, (str(self.code), self.enhanced_code, text)))

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    @property
    def extensions(self) -> dict[str, str]:
        """Of an EHLO reply: keyword in capitals → parameters (RFC 5321 §4.1.1.1)."""
        offered = (text.partition(" ") for text in self.texts[1:])
        return {keyword.upper(): parameters.strip() for keyword, _, parameters in offered}


class ReplyParser:
    """Fed as bytes arrive, in whatever pieces. After a ReplySyntaxError it is of no use any more."""

    def __init__(self) -> None:
        self._received = b""
        self._lines: list[tuple[int, str]] = []

    @property
    def is_between_replies(self) -> bool:
        """Whether nothing of a next reply has come yet."""
        return not self._received and not self._lines

    def feed(self, received: bytes) -> list[HeardReply]:
        """The replies that are complete now. A line may end with LF alone."""
        *lines, self._received = (self._received + received).split(b"\n")
        replies = [reply for line in lines if (reply := self._take(line.removesuffix(b"\r")))]
        if len(self._received) > MAX_LINE_BYTES:
            raise ReplySyntaxError("a reply's line is too long")
        return replies

    def _take(self, line: bytes) -> HeardReply | None:
        match = _LINE.fullmatch(line.decode("utf-8", "replace"))
        if match is None or len(line) > MAX_LINE_BYTES:
            raise ReplySyntaxError(f"{line[:80]!r} is no reply")
        self._lines.append((int(match["code"]), match["text"] or ""))
        if match["more"] == "-":
            if len(self._lines) >= MAX_LINES:
                raise ReplySyntaxError("a reply has too many lines")
            return None
        reply = _joined(self._lines)
        self._lines = []
        return reply


def _joined(lines: list[tuple[int, str]]) -> HeardReply:
    code = lines[-1][0]
    if any(other != code for other, _ in lines):
        raise ReplySyntaxError("a reply's lines have different codes")
    enhanced = _ENHANCED_CODE.match(lines[-1][1])
    # Its class has to be that of the reply (RFC 2034 §4), else it is only text.
    enhanced_code = enhanced["code"] if enhanced and enhanced["code"][0] == str(code)[0] else ""
    texts = (text.removeprefix(enhanced_code).strip() for _, text in lines)
    return HeardReply(code, enhanced_code, tuple(_UNPRINTABLE.sub("?", text) for text in texts))
