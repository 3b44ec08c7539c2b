"""What addresses have used up: the arithmetic of rates, and how much is remembered of how many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.logic import accounts
from ingress.logic.accounts import Book
from ingress.logic.limits import LimitKind, Measure, Rate, Stage

_MINUTE_MS = 60_000
_KINDS = {Measure.CONNECTIONS: LimitKind.OF_ADDRESS, Measure.MESSAGES: LimitKind.ADDRESS_MESSAGES}


def _book(limit: int = 2, *, max_connections: int = 0) -> Book:
    rates = {Measure.MESSAGES: Rate(limit, 60)} if limit else {}
    return Book(_KINDS, max_connections=max_connections, rates=rates)


def _take(book: Book, key: str, now_ms: int, count: int = 1) -> bool:
    account = book.account(key)
    if book.full(account, Stage.MAIL, now_ms) is not None:
        book.refuse(account, Measure.MESSAGES, now_ms)
        return False
    book.enter(account, now_ms)
    book.add(account, Measure.MESSAGES, count, now_ms)
    book.leave(account, now_ms)
    return True


def test_each_key_has_the_limit_and_no_more():
    book = _book(2)
    assert [_take(book, key, 0) for key in "aaabb"] == [True, True, False, True, True]


def test_what_was_used_comes_back_evenly():
    book = _book(2)
    assert [_take(book, "a", 0) for _ in range(3)] == [True, True, False]
    assert not _take(book, "a", 29_999)
    assert [_take(book, "a", 30_000) for _ in range(2)] == [True, False]
    assert [_take(book, "a", 90_000) for _ in range(3)] == [True, True, False]


@given(
    limit=st.integers(1, 50),
    steps=st.lists(st.integers(0, 20_000), min_size=1, max_size=200),
)
def test_no_minute_sees_more_than_twice_the_limit_nor_less_than_it(limit, steps):
    rate, level, now_ms = Rate(limit, 60), 0, 1_000_000
    taken: list[int] = []
    for step in steps:
        now_ms += step
        recent = sum(now_ms - at < _MINUTE_MS for at in taken)
        if not rate.is_full(level, now_ms):
            level = rate.added(level, 1, now_ms)
            taken.append(now_ms)
            assert recent < 2 * limit
        else:
            assert recent >= limit // 2
        assert 0 <= rate.count(level, now_ms) <= limit
        assert rate.empty_at(level) <= now_ms + _MINUTE_MS


@pytest.mark.parametrize("limit", [1, 3, 7, 600, 10**9])
def test_nothing_is_rounded_away(limit):
    rate, level = Rate(limit, 60), 0
    taken = min(limit, 1000)
    level = rate.added(level, limit - taken, 123_457) if limit > taken else level
    for _ in range(taken):
        assert not rate.is_full(level, 123_457)
        level = rate.added(level, 1, 123_457)
    assert rate.is_full(level, 123_457)
    assert rate.count(level, 123_457) == limit
    assert rate.empty_at(level) == 123_457 + _MINUTE_MS


def test_what_is_larger_than_the_limit_is_waited_for_afterwards():
    book = _book(10)
    assert _take(book, "a", 0, count=25)
    assert not _take(book, "a", 90_000)
    assert _take(book, "a", 96_001)


def test_without_limit_nothing_is_remembered():
    book = _book(0)
    assert all(_take(book, str(number), 0) for number in range(1000))
    assert len(book) == 0


def test_of_many_addresses_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(accounts, "MAX_ACCOUNTS", 100)
    book = _book(1)
    assert _take(book, "steady", 0)
    for number in range(10_000):
        assert _take(book, f"other {number}", 0)
        if number % 40 == 0:
            assert not _take(book, "steady", 0)  # who is seen again is not forgotten
        assert len(book) <= 101
    assert not _take(book, "other 9999", 0)
    assert _take(book, "other 0", 0)


def test_who_is_connected_is_never_forgotten(monkeypatch):
    monkeypatch.setattr(accounts, "MAX_ACCOUNTS", 10)
    book = _book(1, max_connections=1)
    held = book.account("held")
    book.enter(held, 0)
    for number in range(1000):
        _take(book, str(number), number * 1000)
    assert book.full(book.account("held"), Stage.DOOR, 0) is Measure.CONNECTIONS
    book.leave(held, 0)
    assert book.full(book.account("held"), Stage.DOOR, 0) is None


def test_after_silence_of_two_windows_an_account_is_gone():
    book = _book(2)
    _take(book, "a", 0)
    for turn in range(1, 4):
        _take(book, "b", turn * _MINUTE_MS)
    assert len(book) <= 2
    assert book.account("a").levels[Measure.MESSAGES] == 0


def test_a_restraint_lasts_until_the_limit_is_whole_again():
    book = _book(2)
    for at in (0, 0, 1_000, 2_000):
        _take(book, "a", at)
    ((told,), over) = book.limited(2_000)
    assert (told.kind, told.key, told.count, told.refused) == (LimitKind.ADDRESS_MESSAGES, "a", 2, 2)
    assert (told.since_at, told.until_at) == (1.0, 60.0)
    assert over == []
    assert book.limited(59_999)[0]
    now, over = book.limited(60_000)
    assert now == []
    assert [one.refused for one in over] == [2]
    assert book.limited(60_001) == ([], [])


def test_of_connections_a_restraint_lasts_until_one_ends():
    book = _book(0, max_connections=1)
    account = book.account("a")
    book.enter(account, 0)
    told = book.refuse(account, Measure.CONNECTIONS, 5)
    assert told is not None
    assert (told.count, told.until_at) == (1, None)
    assert book.refuse(account, Measure.CONNECTIONS, 6) is None
    assert [one.refused for one in book.limited(10)[0]] == [2]
    book.leave(account, 11)
    assert book.limited(11)[0] == []
    assert book.refusals == {LimitKind.OF_ADDRESS: 2}


def test_of_many_restraints_the_first_are_told_and_all_are_counted(monkeypatch):
    monkeypatch.setattr(accounts, "MAX_RESTRAINTS", 3)
    book = _book(1)
    for number in range(10):
        _take(book, str(number), 0)
        _take(book, str(number), 0)
    assert len(book.limited(1)[0]) == 3
    assert book.refusals == {LimitKind.ADDRESS_MESSAGES: 10}
