"""Published SMTP smuggling variants and their kin: refused, the session closed, nothing of them a message."""

import pytest

from core import reply
from endpoints.logic.snapshot import EndpointType
from tests.ingress.machine import Driver, served, wire

_FIRST = b"Subject: one\r\n\r\ntext"
_SECOND = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\nSubject: two\r\n\r\ntext\r\n.\r\n"

FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\n\n.\r\n",
    b"\r\n.\r\r\n.\r\n",
    b"\n\r.\n\r",
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\n\r\n",
    b"\r\n.\x00\r\n\n",
]


@pytest.mark.parametrize("false_end", FALSE_ENDS)
def test_false_end_is_refused_and_the_session_closed_wherever_it_is_cut(false_end):
    stream = _FIRST + false_end + _SECOND
    for cut in range(len(_FIRST), len(_FIRST) + len(false_end) + 6):
        driver = Driver()
        driver.transaction("b@y.example")
        driver.says("DATA")
        assert driver.says(stream[:cut], stream[cut:]) == reply.BARE_LINE_ENDING.wire
        assert driver.conversation.is_closed
        assert driver.messages == []


@pytest.mark.parametrize("false_end", FALSE_ENDS)
def test_false_end_is_refused_byte_by_byte(false_end):
    driver = Driver()
    driver.transaction("b@y.example")
    driver.says("DATA")
    stream = _FIRST + false_end + _SECOND
    assert driver.says(*(stream[i : i + 1] for i in range(len(stream)))) == reply.BARE_LINE_ENDING.wire
    assert driver.messages == []


def test_stuffed_false_end_is_text():
    driver = Driver()
    assert driver.message(b"a\r\n..\r\n...\r\n.b\r\n.\r\n") == reply.START_MAIL_INPUT.wire + reply.OK.wire
    assert driver.messages[0].content == b"a\r\n.\r\n..\r\nb\r\n"


@pytest.mark.parametrize("line", [b"NOOP\n", b"NOOP\r\rNOOP\r\n", b"\n", b"MAIL FROM:<a@x.example>\rX\r\n"])
def test_bare_line_ending_in_a_command_closes_the_session(line):
    driver = Driver()
    driver.says("EHLO c.example")
    assert driver.says(line, b"NOOP\r\n") == reply.BARE_LINE_ENDING.wire
    assert driver.conversation.is_closed


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\nb\n"])
def test_bare_line_ending_in_a_chunk_is_refused_at_its_end(content):
    driver = Driver()
    driver.transaction("b@y.example")
    assert driver.says(b"BDAT %d LAST\r\n" % len(content) + content) == reply.BARE_LINE_ENDING.wire
    assert driver.conversation.is_closed
    assert driver.messages == []


@pytest.mark.parametrize("size", [b"", b"x", b"-1", b"+9", b"9 LAST QUIT", b"0x9", b"9" * 21])
def test_a_chunk_of_unknown_size_is_not_read_as_commands(size):
    driver = Driver()
    driver.transaction("b@y.example")
    assert driver.says(b"BDAT " + size + b"\r\nRSET\r\n" + _SECOND) == reply.SYNTAX_ERROR.wire
    assert driver.conversation.is_closed
    assert driver.messages == []


def test_a_chunk_for_nobody_is_not_read_as_commands():
    driver = Driver()
    driver.says("EHLO c.example")
    assert driver.says(b"BDAT %d LAST\r\n" % len(_SECOND) + _SECOND) == reply.NEED_RECIPIENT.wire
    assert driver.messages == []


def test_a_chunk_that_looks_like_an_end_is_content():
    driver = Driver()
    driver.transaction("b@y.example")
    content = b"text\r\n.\r\n" + _SECOND
    assert driver.says(b"BDAT %d LAST\r\n" % len(content) + content) == reply.OK.wire
    assert [message.content for message in driver.messages] == [content]


@pytest.mark.parametrize(
    "line", ["EHLO c\0.example", "MAIL FROM:<a\0@x.example>", "RCPT TO:<b@y\0.example>", "\0"]
)
def test_nul_in_a_command_is_refused(line):
    driver = Driver()
    driver.says("EHLO c.example", *(["MAIL FROM:<a@x.example>"] if line.startswith("RCPT") else []))
    assert driver.says(line).startswith((b"500 ", b"501 "))


@pytest.mark.parametrize(
    ("beginning", "line"),
    [
        ([], b"EHLO " + b"x" * 1100),
        (["EHLO c.example"], b"MAIL FROM:<" + b"a" * 1100 + b"@x.example>"),
        (["EHLO c.example", "AUTH LOGIN"], b"A" * 12_400),
        (["EHLO c.example", "AUTH PLAIN"], b"A" * 60_000),
    ],
)
def test_an_over_long_line_is_one_error_and_nothing_of_it_a_command(beginning, line):
    driver = Driver(served(type=EndpointType.AUTH))
    driver.says(*beginning)
    assert driver.says(line[:2000], line[2000:] + b" \r\n" + b"NOOP\r\n") == wire(
        reply.LINE_TOO_LONG, reply.OK
    )


def test_commands_behind_starttls_are_dropped():
    driver = Driver()
    driver.says("EHLO c.example")
    assert driver.says(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n") == reply.READY_FOR_TLS.wire
    assert driver.handshakes == 1
    assert driver.says("MAIL FROM:<a@x.example>") == reply.NEED_HELO.wire
