import pytest

from ingress.logic.mailbox import read_path

TAKEN = [
    ("<a@b>", "a@b"),
    ("<a.b+tag@sub.x.example>", "a.b+tag@sub.x.example"),
    ("<!#$%&'*+-/=?^_`{|}~@x.example>", "!#$%&'*+-/=?^_`{|}~@x.example"),
    ("<a@under_score.example>", "a@under_score.example"),
    ("<@r1.example,@r2.example:a@x.example>", "a@x.example"),
    ('<"a"@x.example>', "a@x.example"),
    ('<"a.b"@x.example>', "a.b@x.example"),
    ('<"\\a"@x.example>', "a@x.example"),
    ('<"a b"@x.example>', '"a b"@x.example'),
    ('<"a\\"b\\\\"@x.example>', '"a\\"b\\\\"@x.example'),
    ('<""@x.example>', '""@x.example'),
    ('<"a>b@c"@x.example>', '"a>b@c"@x.example'),
    ("<a@[192.0.2.1]>", "a@[192.0.2.1]"),
    ("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"),
    ("<a@[tag:content]>", "a@[tag:content]"),
    ("<ü@例え.example>", "ü@例え.example"),
    (f"<{'a' * 64}@x.example>", f"{'a' * 64}@x.example"),
    (f"<a@{'b.' * 125}cd>", f"a@{'b.' * 125}cd"),
]
REFUSED = [
    "",
    "a@x.example",
    "<a>",
    "<@x.example>",
    "<a@>",
    "<a@x.example",
    "<.a@x.example>",
    "<a.@x.example>",
    "<a..b@x.example>",
    "<a@x..example>",
    "<a@x.example.>",
    "<a@-x.example>",
    "<a@x-.example>",
    "<a b@x.example>",
    "<a@x example>",
    "<a@b@c>",
    '<"a@x.example>',
    '<"a"b@x.example>',
    '<"a\x07"@x.example>',
    "<a@[192.0.2.256]>",
    "<a@[IPv6:x]>",
    "<a@[IPv6:192.0.2.1]>",
    "<a@[192.0.2.1>",
    "<a@[]>",
    "<a(comment)@x.example>",
    "<a@x.example\x00>",
    f"<{'a' * 65}@x.example>",
    f"<{'ü' * 33}@x.example>",
    f"<a@{'b.' * 126}c>",
    f'<"{"a " * 33}"@x.example>',
]


@pytest.mark.parametrize(("path", "mailbox"), TAKEN)
def test_path_is_taken_with_what_follows_it(path, mailbox):
    assert read_path(path.encode()) == (mailbox, b"")
    assert read_path(path.encode() + b" SIZE=1") == (mailbox, b" SIZE=1")


@pytest.mark.parametrize("path", REFUSED)
def test_path_is_refused(path):
    assert read_path(path.encode()) is None


def test_path_that_is_no_utf8_is_refused():
    assert read_path(b"<\xff@x.example>") is None
