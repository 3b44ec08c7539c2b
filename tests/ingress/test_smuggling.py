"""Published SMTP smuggling variants and their kin: refused, the session closed, nothing of them a message."""

import pytest

from core import reply
from tests.ingress.machine import Driver

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


def test_commands_behind_starttls_are_dropped():
    driver = Driver()
    driver.says("EHLO c.example")
    assert driver.says(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n") == reply.READY_FOR_TLS.wire
    assert driver.handshakes == 1
    assert driver.says("MAIL FROM:<a@x.example>") == reply.NEED_HELO.wire
