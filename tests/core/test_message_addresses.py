"""Addresses in header fields as mail carries them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.addresses import parse_addresses

CASES = {
    "a@b.example": ["a@b.example"],
    "Ann <a@b.example>": ["a@b.example"],
    "<a@b.example>": ["a@b.example"],
    '"Doe, Jane" <jane@x.example>, c@d.example': ["jane@x.example", "c@d.example"],
    "Sales: a@b.example, c@d.example;, e@f.example": ["a@b.example", "c@d.example", "e@f.example"],
    "undisclosed-recipients:;": [],
    "john . smith @ x . example (and (nested) c@d.example)": ["john.smith@x.example"],
    '"john doe"@x.example': ['"john doe"@x.example'],
    '"john"@x.example': ["john@x.example"],
    r'"a\"b"@x.example': [r'"a\"b"@x.example'],
    "<@relay.example,@other.example:c@d.example>": ["c@d.example"],
    "Ann <a@xn--mnchen-3ya.example>": ["a@münchen.example"],
    "用户@例え.jp": ["用户@例え.jp"],
    "a@[IPv6:2001:db8::1]": ["a@[IPv6:2001:db8::1]"],
    "=?utf-8?q?J=C3=B6rg?= <j@x.example>": ["j@x.example"],
    "=?utf-8?q?a=40b.example?=": ["a@b.example"],
    "=?utf-8?q?Ann_=3Ca=40b.example=3E?=": ["a@b.example"],
    # What is wrong, but sent.
    "a@b.example c@d.example": ["a@b.example", "c@d.example"],
    '"never closed <a@b.example>': ["a@b.example"],
    "(never closed a@b.example": ["a@b.example"],
    "<a@b.example, c@d.example": ["a@b.example", "c@d.example"],
    "ceo@bank.example <evil@x.example>": ["evil@x.example"],
    '"ceo@bank.example"': [],
    "a@b.example, A@B.example, a@b.example": ["a@b.example", "A@B.example"],
    "@b.example": [],
    "a@": [],
    "": [],
    "a@xn--.example": ["a@xn--.example"],
    "a@xn--a@b-.example": ["a@xn--a@b-.example"],
}


@pytest.mark.parametrize("field", CASES)
def test_addresses_of_a_field_are(field):
    assert parse_addresses(field) == tuple(CASES[field])


@given(st.text(alphabet='ab@.,;:<>()"\\[] =?é\x00', max_size=60))
def test_any_text_yields_addresses_or_none(field):
    for address in parse_addresses(field):
        local_part, at, domain = address.rpartition("@")
        assert local_part
        assert at
        assert domain


local_parts = st.from_regex(r"[a-z0-9]([a-z0-9._+-]{0,8}[a-z0-9])?", fullmatch=True)
domains = st.from_regex(r"[a-z0-9]{1,8}\.example", fullmatch=True)
names = st.sampled_from(["", "Ann ", '"Doe, J" ', "=?utf-8?b?w7Y=?= ", "(c) Ann "])


@given(st.lists(st.tuples(names, local_parts, domains), min_size=1, max_size=8))
def test_every_address_of_a_list_is_found(mailboxes):
    field = ", ".join(f"{name}<{local_part}@{domain}>" for name, local_part, domain in mailboxes)
    wanted = dict.fromkeys(f"{local_part}@{domain}" for _name, local_part, domain in mailboxes)
    assert parse_addresses(field) == tuple(wanted)


@pytest.mark.parametrize("piece", ["a@", '"\\', "(", "<", "[", "@", '"" ', "(\\)(", "=?a*", "a@b,", "\x00"])
def test_an_endless_field_of_anything_ends(piece):
    parse_addresses(piece * (64 * 1024 // len(piece)))
