"""Replies as servers write them, in whatever pieces they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relays.logic.replies import MAX_LINE_BYTES, MAX_LINES, HeardReply, ReplyParser, ReplySyntaxError

CASES = [
    (b"220 peer.example ESMTP\r\n", HeardReply(220, "", ("peer.example ESMTP",))),
    (b"250 2.1.0 Ok\r\n", HeardReply(250, "2.1.0", ("Ok",))),
    (b"250 2.1.0\r\n", HeardReply(250, "2.1.0", ("",))),
    (b"354\r\n", HeardReply(354, "", ("",))),
    (b"250 Ok\n", HeardReply(250, "", ("Ok",))),
    (b"250 5.1.1 is text here\r\n", HeardReply(250, "", ("5.1.1 is text here",))),
    (
        b"550-5.1.1 No such user\r\n550-5.1.1 as this\r\n550 5.1.1 one\r\n",
        HeardReply(550, "5.1.1", ("No such user", "as this", "one")),
    ),
    (
        b"250-peer.example\r\n250-SIZE 1000\r\n250 X\r\n",
        HeardReply(250, "", ("peer.example", "SIZE 1000", "X")),
    ),
    ("450 4.2.0 \u3042\x1b[2J\u2028!\r\n".encode(), HeardReply(450, "4.2.0", ("\u3042?[2J?!",))),
    (b"450 4.2.0 \xff\r\n", HeardReply(450, "4.2.0", ("\ufffd",))),
]


@pytest.mark.parametrize(("received", "reply"), CASES)
def test_replies_are_read_whole(received, reply):
    assert ReplyParser().feed(received) == [reply]


@pytest.mark.parametrize(("received", "reply"), CASES)
def test_replies_are_read_byte_by_byte(received, reply):
    parser = ReplyParser()
    heard = [reply for byte in received for reply in parser.feed(bytes([byte]))]
    assert heard == [reply]
    assert parser.is_between_replies


def test_several_replies_may_come_at_once():
    parser = ReplyParser()
    replies = parser.feed(b"250 2.1.0 Ok\r\n550 5.1.1 No\r\n35")
    assert [reply.code for reply in replies] == [250, 550]
    assert not parser.is_between_replies
    assert parser.feed(b"4 Go ahead\r\n") == [HeardReply(354, "", ("Go ahead",))]


@pytest.mark.parametrize(
    "received",
    [
        b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"150 what\r\n",
        b"600 what\r\n",
        b"25 what\r\n",
        b"2500 what\r\n",
        b"250-one\r\n550 two\r\n",
        b"250 " + b"x" * MAX_LINE_BYTES + b"\r\n",
        b"250 " + b"x" * MAX_LINE_BYTES,
        b"250-x\r\n" * (MAX_LINES + 1),
    ],
)
def test_what_is_no_reply_is_refused(received):
    with pytest.raises(ReplySyntaxError):
        ReplyParser().feed(received)


@given(st.binary(max_size=300))
def test_whatever_comes_is_replies_or_a_syntax_error(received):
    try:
        replies = ReplyParser().feed(received)
    except ReplySyntaxError:
        return
    assert all(200 <= reply.code < 600 and "\n" not in str(reply) for reply in replies)


def test_extensions_have_keywords_in_capitals():
    (reply,) = ReplyParser().feed(
        b"250-peer.example hello\r\n250-size 1000\r\n250-Starttls\r\n250 AUTH PLAIN LOGIN\r\n"
    )
    assert reply.extensions == {"SIZE": "1000", "STARTTLS": "", "AUTH": "PLAIN LOGIN"}
