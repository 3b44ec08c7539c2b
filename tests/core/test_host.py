"""Hosts as people type them."""

import pytest

from core.host import parse_host, parse_host_and_port


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail.example.com", ("mail.example.com", 25)),
        ("Mail.Example.com:2525", ("mail.example.com", 2525)),
        ("192.0.2.1:53", ("192.0.2.1", 53)),
        ("2001:db8::1", ("2001:db8::1", 25)),
        ("[2001:db8::1]", ("2001:db8::1", 25)),
        ("[2001:db8::1]:2525", ("2001:db8::1", 2525)),
    ],
)
def test_a_port_may_follow_a_host(text, expected):
    assert parse_host_and_port(text, port=25) == expected


@pytest.mark.parametrize(
    "text", ["", ":25", "mail.example.com:", "mail.example.com:0", "a:65536", "a:b", "[::1]:"]
)
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_host_and_port(text, port=25)
