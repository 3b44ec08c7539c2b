"""Hosts as people type them."""

import pytest

from core.host import parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("mail.example.com", "mail.example.com"),
        (" Mail.Example.COM. ", "mail.example.com"),
        ("localhost", "localhost"),
        ("xn--r8jz45g.jp", "xn--r8jz45g.jp"),
        ("192.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_hosts_are_kept_in_one_form(text, host):
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "mail..example.com",
        "-mail.example.com",
        "mail_1.example.com",
        "mail.example.com:25",
        "999.1.1.1",
        "192.0.2",
        "1",
        "[mail.example.com]",
        "::g",
        "mail.example.com\r\nRCPT TO:<a@x.example>",
        "例え.jp",
        "a" * 64,
        ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_host(text)
