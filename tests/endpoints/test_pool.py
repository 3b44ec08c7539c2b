"""What the setting of the pool names, and which address is next."""

from ipaddress import ip_address
from itertools import islice

import pytest

from endpoints.logic.pool import PoolError, choose, read_pool


@pytest.mark.parametrize(
    ("entries", "version", "addresses"),
    [
        (["192.0.2.0/30"], 4, ["192.0.2.1", "192.0.2.2"]),
        (["192.0.2.0/31"], 4, ["192.0.2.0", "192.0.2.1"]),
        (["192.0.2.7"], 4, ["192.0.2.7"]),
        (["192.0.2.7/32"], 4, ["192.0.2.7"]),
        (["192.0.2.9 ", " 192.0.2.4-192.0.2.5", ""], 4, ["192.0.2.9", "192.0.2.4", "192.0.2.5"]),
        (["2001:db8::/126"], 6, ["2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        (["2001:DB8:0::5"], 6, ["2001:db8::5"]),
        (["192.0.2.7"], 6, []),
    ],
)
def test_entries_name_these_addresses(entries, version, addresses):
    pool = read_pool(entries)
    assert [str(address) for address in pool.addresses(version)] == addresses
    assert pool.size(version) == len(addresses)
    assert pool.has_version(version) is bool(addresses)
    assert all(pool.holds(ip_address(address)) for address in addresses)
    assert not pool.holds(ip_address("198.51.100.1"))


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([], "names no address"),
        (["", " "], "names no address"),
        (["192.0.2.1/24"], "192.0.2.1/24"),
        (["192.0.2.300"], "192.0.2.300"),
        (["mail.example.com"], "mail.example.com"),
        (["192.0.2.9-192.0.2.1"], "lower to a higher"),
        (["192.0.2.9-2001:db8::1"], "one family"),
        (["192.0.2.1-x"], "192.0.2.1-x"),
        (["192.0.2.0/24", "192.0.2.9"], "192.0.2.9"),
    ],
)
def test_what_cannot_be_read_is_named(entries, named):
    with pytest.raises(PoolError) as caught:
        read_pool(entries)
    assert named in str(caught.value)


def test_a_large_network_is_not_listed():
    pool = read_pool(["2001:db8::/64"])
    assert list(islice(choose(pool, 6, {"2001:db8::1"}), 2)) == ["2001:db8::2", "2001:db8::3"]
    assert pool.size(6) == 2**64 - 1


def test_none_is_left_when_all_are_taken():
    assert list(choose(read_pool(["192.0.2.0/30"]), 4, {"192.0.2.1", "192.0.2.2"})) == []
