"""A message's header as rules see it, honest or hostile."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.message import MAX_FIELD_BYTES, MAX_FIELDS, MAX_HEADER_BYTES, Message, with_headers_added

PLAIN = (
    b"Received: from a\r\n by b\r\n"
    b"From: Ann <ann@x.example>\r\n"
    b"To: b@y.example, c@y.example\r\nTo: d@y.example\r\n"
    b"Cc: e@y.example\r\n"
    b"Sender: s@x.example\r\n"
    b"Subject: Hello\r\n there\r\n"
    b"X-Spam: one\r\nx-spam: two\r\n"
    b"\r\nbody\r\n\r\nmore"
)


def test_properties_are_read_from_their_fields():
    message = Message(PLAIN)
    assert message.from_ == ("ann@x.example",)
    assert message.to == ("b@y.example", "c@y.example", "d@y.example")
    assert message.cc == ("e@y.example",)
    assert message.sender == ("s@x.example",)
    assert message.subject == "Hello there"
    assert message.header("X-SPAM") == ("one", "two")
    assert message.header("X-Absent") == ()
    assert message.is_parsed


def test_the_header_ends_with_its_empty_line():
    message = Message(PLAIN)
    assert message.header_bytes.endswith(b"x-spam: two\r\n\r\n")
    assert PLAIN[message.body_start :] == b"body\r\n\r\nmore"


SUBJECTS = {
    b"plain": "plain",
    b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=": "Grüße",
    b"=?iso-8859-1?Q?Gr=FC=DFe?= you": "Grüße you",
    b"=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=": "日本語",
    b"=?utf-8?q?=C3?=\r\n =?utf-8?q?=BC?=": "ü",  # a character cut in two
    b"=?utf-8?b?w7w?=": "ü",  # padding forgotten
    b"=?utf-8*de?q?ja?=": "ja",
    b"a =?utf-8?q?b?= c": "a b c",
    b"=?nonsense?q?a?=": "=?nonsense?q?a?=",
    b"=?utf-8?b?!?=": "",
    b"=?utf-8?x?a?=": "=?utf-8?x?a?=",
    b"=?hex?q?6161?=": "=?hex?q?6161?=",
    b"=?utf-8?q?a=0D=0ABcc:_b?=": "a\ufffd\ufffdBcc: b",
    b"=?utf-7?q?+2AA-?=": "\ufffd",  # a lone surrogate
    "Grüße".encode(): "Grüße",
    "Grüße".encode("latin-1"): "Grüße",
    b"a\x00b": "a\ufffdb",
    b"": "",
}


@pytest.mark.parametrize("raw", SUBJECTS, ids=repr)
def test_a_subject_is_decoded(raw):
    assert Message(b"Subject: " + raw + b"\r\n\r\n").subject == SUBJECTS[raw]


def test_a_line_that_is_no_field_begins_the_body():
    message = Message(b"From: a@b.example\r\nno field\r\nTo: c@d.example\r\n\r\nbody")
    assert message.from_ == ("a@b.example",)
    assert message.to == ()
    assert message.content[message.body_start :].startswith(b"no field")
    assert "no header field" in message.problem


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"", b""),
        (b"\r\nbody", b"body"),
        (b"From: a@b.example", b""),
        (b"From: a@b.example\r\n", b""),
        (b"From: a@b.example\n\nbody\r\n\r\n", b"body\r\n\r\n"),
        (b"\x00\x01\xff", b"\x00\x01\xff"),
        (b" starts with a fold\r\n\r\n", b" starts with a fold\r\n\r\n"),
    ],
)
def test_the_body_starts_where_the_header_ends(content, body):
    assert content[Message(content).body_start :] == body


def test_too_many_fields_are_left_unread_and_named():
    message = Message(b"From: a@b.example\r\n" + b"a:\r\n" * 100_000 + b"To: c@d.example\r\n\r\nbody")
    assert message.from_ == ("a@b.example",)
    assert message.to == ()
    assert f"{MAX_FIELDS:,}" in message.problem or f"{MAX_HEADER_BYTES:,}" in message.problem
    assert message.content[message.body_start :] == b"body"


def test_an_endless_field_is_cut_and_named():
    message = Message(b"Subject: " + b"a" * (MAX_FIELD_BYTES * 2) + b"\r\nFrom: a@b.example\r\n\r\n")
    assert len(message.subject) <= MAX_FIELD_BYTES
    assert message.from_ == ("a@b.example",)
    assert not message.is_parsed


def test_an_endless_header_is_no_header_and_named():
    message = Message(b"X: " + b"a" * MAX_HEADER_BYTES * 2)
    assert message.header("X") == ()
    assert not message.is_parsed
    assert message.header_bytes == message.content


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message(content):
    message = Message(content)
    assert message.header_bytes + content[message.body_start :] == content
    for text in (message.subject, *message.from_, *message.to, *message.header("x-a")):
        assert "\x00" not in text
        text.encode("utf-8")


texts = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200).map(
    lambda text: " ".join(text.split())
)


@given(texts.filter(lambda text: "\ufffd" not in text))
def test_an_added_value_is_read_as_it_was_written(value):
    content = with_headers_added(PLAIN, [("X-Note", value)])
    assert Message(content).header("X-Note") == (value,)
    assert content.endswith(PLAIN)
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))


def test_added_fields_are_on_top_in_order_and_beside_those_that_are_there():
    content = with_headers_added(PLAIN, [("X-Spam", "three"), ("X-A", "b")])
    assert content.startswith(b"X-Spam: three\r\nX-A: b\r\nReceived:")
    assert Message(content).header("X-Spam") == ("three", "one", "two")


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.example", "a\nBcc: b", "a\r\n\r\nbody", "a\x00b", "a\rb"])
def test_a_value_cannot_break_out_of_its_field(value):
    content = with_headers_added(PLAIN, [("X-A", value)])
    assert Message(content).header("Bcc") == ()
    assert content.removesuffix(PLAIN).count(b"\n") == 1


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X-A\r\nBcc", "X-Ä"])
def test_a_name_that_no_field_can_have_is_refused(name):
    with pytest.raises(ValueError, match="header field"):
        with_headers_added(PLAIN, [(name, "a")])


@pytest.mark.parametrize("content", [b" folded start\r\n", b"no header at all", b"\r\nbody", b""])
def test_added_fields_leave_a_body_without_header_alone(content):
    changed = Message(with_headers_added(content, [("X-A", "b")]))
    assert changed.header("X-A") == ("b",)
    assert content.removeprefix(b"\r\n") == changed.content[changed.body_start :]


def test_others_read_added_fields_as_we_do():
    content = with_headers_added(PLAIN, [("X-Note", "Grüße " * 20)])
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert parsed["X-Note"] == ("Grüße " * 20).strip()
