"""Sets of networks, and what is wrong with a network as people write it."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cidr import NetworkSet, cidr_complaint, cidr_matcher, unmapped

MATCHES = [
    ("in the range", ["192.0.2.0/24"], "192.0.2.7", True),
    ("first address", ["192.0.2.0/24"], "192.0.2.0", True),
    ("last address", ["192.0.2.0/24"], "192.0.2.255", True),
    ("just below", ["192.0.2.0/24"], "192.0.1.255", False),
    ("just above", ["192.0.2.0/24"], "192.0.3.0", False),
    ("one address", ["192.0.2.7/32"], "192.0.2.7", True),
    ("everything", ["0.0.0.0/0"], "203.0.113.9", True),
    ("any of several", ["10.0.0.0/8", "192.0.2.0/24"], "192.0.2.7", True),
    ("none of several", ["10.0.0.0/8", "192.0.2.0/24"], "198.51.100.1", False),
    ("no ranges", [], "192.0.2.7", False),
    ("IPv6", ["2001:db8::/32"], "2001:db8:1::1", True),
    ("IPv6 outside", ["2001:db8::/32"], "2001:db9::1", False),
    ("IPv6 everything", ["::/0"], "2001:db9::1", True),
    ("IPv4 range, IPv6 peer", ["0.0.0.0/0"], "2001:db8::1", False),
    ("IPv6 range, IPv4 peer", ["::/0"], "192.0.2.7", False),
    ("same bits, other family", ["::c000:207/128"], "192.0.2.7", False),
    ("IPv4-mapped peer is IPv4", ["192.0.2.0/24"], "::ffff:192.0.2.7", True),
    ("IPv4-mapped peer is not IPv6", ["::/0"], "::ffff:192.0.2.7", False),
    ("both families in one list", ["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", True),
]


@pytest.mark.parametrize(("name", "values", "peer", "expected"), MATCHES, ids=[case[0] for case in MATCHES])
def test_not_cidr_matches_is_the_opposite_of_cidr_matches(name, values, peer, expected):
    assert cidr_matcher("CIDR_MATCHES", values)(ip_address(peer)) is expected
    assert cidr_matcher("NOT_CIDR_MATCHES", values)(ip_address(peer)) is not expected


def test_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="EQUALS"):
        cidr_matcher("EQUALS", ["10.0.0.0/8"])


addresses = st.ip_addresses()
networks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
).map(lambda pair: ip_network(pair, strict=False))


@given(st.lists(networks, max_size=30), addresses, st.data())
def test_a_set_agrees_with_the_standard_library(members, address, data):
    if members:  # near misses: an address from within one of them, or next to it
        near = data.draw(st.sampled_from(members))
        address = data.draw(
            st.sampled_from(
                [
                    address,
                    near[0],
                    near[-1],
                    near[-1] + 1 if int(near[-1]) + 1 < 2**near.max_prefixlen else near[0],
                ]
            )
        )
    found = address in NetworkSet(map(str, members))
    assert found == any(unmapped(address) in network for network in members)


COMPLAINTS = [
    ("10.0.0.0/8", 4, ""),
    ("0.0.0.0/0", 4, ""),
    ("2001:db8::/32", 6, ""),
    ("::1/128", 6, ""),
    ("2001:db8::/32", None, ""),
    ("10.0.0.1/8", 4, "did you mean 10.0.0.0/8, or 10.0.0.1/32"),
    ("2001:db8::1/32", 6, "did you mean 2001:db8::/32"),
    ("10.0.0.1", 4, "write 10.0.0.1/32"),
    ("2001:db8::1", 6, "write 2001:db8::1/128"),
    ("10.0.0.0/33", 4, "goes from /0 to /32"),
    ("10.0.0.0/-1", 4, "goes from /0 to /32"),
    ("10.0.0.0/", 4, "goes from /0 to /32"),
    ("10.0.0.0/8/8", 4, "goes from /0 to /32"),
    ("10.0.0.0/255.0.0.0", 4, "did you mean 10.0.0.0/8"),
    ("10.0.0.0/08", 4, "did you mean 10.0.0.0/8"),
    (" 10.0.0.0/8 ", 4, "did you mean 10.0.0.0/8"),
    ("2001:db8::/32", 4, "is an IPv6 range; this takes IPv4"),
    ("10.0.0.0/8", 6, "is an IPv4 range; this takes IPv6"),
    ("10.0.0.256/8", 4, "is not an IP range"),
    ("10.0.0/8", 4, "is not an IP range"),
    ("010.0.0.0/8", 4, "is not an IP range"),
    ("fe80::1%eth0/128", 6, "is not an IP range"),
    ("example.com", None, "is not an IP range"),
    ("", 4, "is not an IP range"),
]


@pytest.mark.parametrize(("text", "version", "words"), COMPLAINTS)
def test_a_complaint_says_what_would_be_right(text, version, words):
    complaint = cidr_complaint(text, version=version)
    assert words in complaint
    assert bool(words) is bool(complaint)


@given(st.text(max_size=30))
def test_no_text_breaks_the_complaint(text):
    if not cidr_complaint(text):
        ip_network(text)
