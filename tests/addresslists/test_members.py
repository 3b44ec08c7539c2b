"""What may stand in a list, and whom it then stands for (reference: mail-manager-facts §7)."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addresslists.logic.index import DamagedIndexError, IndexBuilder, ListIndex, read_index
from addresslists.logic.members import ALL_SHAPES, canonical, member_of, patterns_of
from core.expressions import fold

unhurried = settings(deadline=None)


def index_of(*members: str) -> ListIndex:
    builder = IndexBuilder()
    builder.add(members)
    return read_index(b"".join(builder.finish()))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("User@Example.COM", "user@example.com"),
        (" user@example.com ", "user@example.com"),
        ("user+tag@example.com", "user+tag@example.com"),
        ("*@Example.com", "*@example.com"),
        ("123*@example.com", "123*@example.com"),
        ("*@localhost", "*@localhost"),
        ("ab*c@example.com", "ab*c@example.com"),
        ("user@*.example.com", "user@*.example.com"),
        ("*.Example.com", "*.example.com"),
        ("*.a.b.c.d.e.f.g.h.i", "*.a.b.c.d.e.f.g.h.i"),
        ("example.com", "example.com"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("JOSÉ@Bücher.example", "josé@bücher.example"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ('"Ann.B"@example.com', "ann.b@example.com"),
        ("x@y", "x@y"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_a_member_is_kept_as_it_is_compared(typed, kept):
    assert member_of(typed) == kept


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "3 to 320"),
        ("@b", "3 to 320"),
        ("a" * 310 + "@example.com", "3 to 320"),
        ("a b@example.com", "spaces"),
        ("a\0b@example.com", "spaces"),
        ("*a*@example.com", "one \\*"),
        ("*@*.example.com", "one \\*"),
        ("ab*@example.com", "3 to 19"),
        ("a*b@example.com", "3 to 19"),
        ("a" * 20 + "*@example.com", "3 to 19"),
        ("*.com", "2 to 9 labels"),
        ("*.a.b.c.d.e.f.g.h.i.j", "2 to 9 labels"),
        ("mail*.example.com", "in front"),
        ("a@mail.*.com", "in front"),
        ("@example.com", "without it"),
        ("a@b@example.com", "one @"),
        ("localhost", "like user@example.com"),
        ("***", "one \\*"),
        ("a@example..com", "is no domain"),
        ("a@-example.com", "is no domain"),
        ("a@exam!ple.com", "is no domain"),
        ("a@" + "x" * 64 + ".com", "is no domain"),
    ],
)
def test_what_is_no_member_is_refused_with_a_reason(typed, message):
    with pytest.raises(ValueError, match=message):
        member_of(typed)


@pytest.mark.parametrize(
    ("member", "matched", "others"),
    [
        ("user@example.com", ["user@example.com"], ["user+tag@example.com", "user@sub.example.com", ""]),
        ("user*@example.com", ["user@example.com", "user+tag@example.com"], ["auser@example.com", "use@example.com"]),
        ("*user@example.com", ["user@example.com", "a.user@example.com"], ["user1@example.com"]),
        ("us*er@example.com", ["user@example.com", "us.er@example.com"], ["use@example.com", "uer@example.com"]),
        ("*@example.com", ["a@example.com", '"a b"@example.com'], ["a@sub.example.com", "a@example.org"]),
        ("example.com", ["a@example.com"], ["a@sub.example.com", "example.com"]),
        ("*.example.com", ["a@b.example.com", "a@c.b.example.com"], ["a@example.com", "a@xexample.com"]),
        ("user@*.example.com", ["user@b.example.com", "user@c.b.example.com"], ["user@example.com", "a@b.example.com"]),
        ("a@bücher.example", ["a@bücher.example", "a@xn--bcher-kva.example"], ["a@bucher.example"]),
    ],
)  # fmt: skip
def test_whom_a_member_stands_for(member, matched, others):
    index = index_of(member, "somebody@else.example")
    assert [address for address in matched if not index.contains(address)] == []
    assert [address for address in others if index.contains(address) and address != member] == []


# --- random lists ---------------------------------------------------------------------------------


def _is_member(text: str) -> bool:
    try:
        member_of(text)
    except ValueError:
        return False
    return True


local_parts = st.text("ab.", min_size=1, max_size=8)
domains = st.lists(st.sampled_from(["a", "b", "xn--a-0ga", "ü"]), min_size=1, max_size=4).map(".".join)
addresses = st.builds("{}@{}".format, local_parts, domains)
members = st.one_of(
    addresses,
    domains.filter(lambda domain: "." in domain),
    domains.map("*.{}".format).filter(lambda member: member.count(".") > 1),
    st.builds("{}@*.{}".format, local_parts, domains).filter(
        lambda member: member.split("@")[1].count(".") > 1
    ),
    st.builds("{}*{}@{}".format, st.text("ab.", max_size=4), st.text("ab.", max_size=4), domains),
).filter(_is_member)


def stands_for(member: str, address: str) -> bool:
    """One member, read plainly."""
    local_part, _at, domain = address.rpartition("@")
    wanted, at, place = member.rpartition("@")
    if place.startswith("*."):
        is_there = domain.endswith(place[1:]) and len(domain) > len(place) - 1
        return is_there and wanted in ("", local_part)
    pattern = ".*".join(map(re.escape, wanted.split("*")))
    return domain == place and (not at or re.fullmatch(pattern, local_part) is not None)


@unhurried
@given(st.lists(members, max_size=8), st.lists(addresses, min_size=1, max_size=8))
def test_an_index_finds_what_a_plain_reading_finds(listed, asked):
    kept = list(map(member_of, listed))
    index = index_of(*kept)
    for address in asked:
        expected = [member for member in kept if stands_for(member, canonical(address))]
        assert index.contains(fold(address)) == bool(expected), (kept, address)
        keys = {canonical(address), *patterns_of(canonical(address), ALL_SHAPES, lambda mark: True)}
        assert {member for member in kept if member in keys} == set(expected)


@unhurried
@given(
    st.lists(members, max_size=6),
    st.lists(st.tuples(members, st.booleans()), max_size=8),
    st.lists(addresses, min_size=1, max_size=6),
)
def test_changes_on_top_of_an_index_are_as_one_made_anew(listed, changes, asked):
    listed = list(map(member_of, listed))
    changes = [(member_of(member), is_added) for member, is_added in changes]
    now = dict.fromkeys(listed, True) | dict(changes)
    changed = index_of(*listed).with_changes(changes)
    anew = index_of(*(member for member, is_there in now.items() if is_there))
    for address in asked:
        assert changed.contains(fold(address)) == anew.contains(fold(address)), (listed, changes, address)


# --- the file -------------------------------------------------------------------------------------


def content_of(*members: str) -> bytes:
    builder = IndexBuilder()
    builder.add(members)
    return b"".join(builder.finish())


def test_a_list_of_many_finds_each_of_its_members_and_no_other():
    some = [f"user{number}@example{number % 7}.com" for number in range(20_000)]
    index = index_of(*some, *some)
    assert index.count == len(some)
    assert all(map(index.contains, some))
    assert not any(index.contains(f"user{number}@example{(number + 1) % 7}.com") for number in range(20_000))


def test_a_member_takes_17_bytes():
    assert len(content_of(*(f"user{number}@example.com" for number in range(50_000)))) < 17 * 50_000


def test_an_empty_list_has_nobody_in_it():
    assert not index_of().contains("a@example.com")


def test_a_file_that_was_changed_or_cut_off_anywhere_is_refused():
    content = content_of("a@example.com", "abc*@example.com")
    for position in range(len(content)):
        damaged = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        with pytest.raises(DamagedIndexError):
            read_index(damaged)
        with pytest.raises(DamagedIndexError):
            read_index(content[:position])
    with pytest.raises(DamagedIndexError):
        read_index(content + b"\0")
