"""Finds the first statement that holds without asking all of them.

Each statement is filed under the most telling of its conditions (the recipients that it equals, ends
or starts with, the networks that the peer is in), with values that few others share. A look-up takes
one step for each length of text and of mask in use, meets only statements whose filed condition holds,
and asks these for the rest.
Many texts to find anywhere (CONTAINS) are filed under three characters of each; statements about the
same address list under that, which is asked once. What is left (NOT_…, few or short CONTAINS) is asked
one after another.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from core.cidr import Address, parse_network
from core.envelope import TlsVersion
from core.expressions import fold
from policies.logic.conditions import LIST_OPERATORS, Condition, Test

NO_STATEMENT = 1 << 31  # behind every position

_Entry = tuple[int, tuple[Test, ...]]  # position, what is left to ask


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement asks; nothing: it holds. `tests[i]` is `conditions[i]` compiled."""

    position: int
    conditions: tuple[Condition, ...]
    tests: tuple[Test, ...]


class StatementIndex:
    """Immutable. Made of statements in order of position, so entries under one key are in order too."""

    __slots__ = ("_lists", "_networks", "_pieces", "_texts", "_unfiled")

    def __init__(self, statements: Iterable[Statement]) -> None:
        texts: dict[tuple[int | None, int | None], dict[str, list[_Entry]]] = {}
        networks: dict[int, dict[int, list[_Entry]]] = {}
        lists: dict[tuple[str, str], tuple[Test, list[_Entry]]] = {}
        others: list[Statement] = []
        statements = list(statements)
        in_use = Counter(
            key for one in statements for condition in one.conditions for key in _keys_of(condition)
        )
        for statement in statements:
            place = _most_telling(statement.conditions, in_use)
            if place is None:
                others.append(statement)
                continue
            condition = statement.conditions[place]
            entry = (statement.position, statement.tests[:place] + statement.tests[place + 1 :])
            if condition.operator == "CIDR_MATCHES":
                for shift, bits in _networks_of(condition):
                    networks.setdefault(shift, {}).setdefault(bits, []).append(entry)
            elif condition.operator in LIST_OPERATORS:
                asked = (condition.values[0], condition.operator)
                lists.setdefault(asked, (statement.tests[place], []))[1].append(entry)
            else:
                for part, text in _texts_of(condition):
                    texts.setdefault(part, {}).setdefault(text, []).append(entry)
        self._texts = tuple((slice(*part), shelf) for part, shelf in texts.items())
        self._networks = tuple(networks.items())
        self._lists = tuple(lists.values())
        self._pieces, self._unfiled = _file_pieces(others)

    def first(self, recipient: str, peer: Address, tls: TlsVersion | None) -> int:
        """The position of the first statement that holds, or NO_STATEMENT. `recipient` is folded.

        UnreadableListError where that hangs on an address list that can't be read now.
        """
        first = NO_STATEMENT
        for part, texts in self._texts:
            if entries := texts.get(recipient[part]):
                first = _first_of(entries, first, recipient, peer, tls)
        if self._networks:
            bits = int(peer)
            for shift, networks in self._networks:
                if entries := networks.get(bits >> shift):
                    first = _first_of(entries, first, recipient, peer, tls)
        if self._pieces:
            for start in range(len(recipient) - _PIECE_LENGTH + 1):
                if entries := self._pieces.get(recipient[start : start + _PIECE_LENGTH]):
                    first = _first_of(entries, first, recipient, peer, tls)
        for holds, entries in self._lists:
            if entries[0][0] < first and holds(recipient, peer, tls):
                first = _first_of(entries, first, recipient, peer, tls)
        return _first_of(self._unfiled, first, recipient, peer, tls)


def _first_of(
    entries: list[_Entry], before: int, recipient: str, peer: Address, tls: TlsVersion | None
) -> int:
    for position, tests in entries:
        if position >= before:
            break
        for holds in tests:
            if not holds(recipient, peer, tls):
                break
        else:
            return position
    return before


# --- filing ---------------------------------------------------------------------------------------

# The fewer recipients or peers a condition lets through, as a rule, the earlier it stands.
_TELLING = ("EQUALS", "ENDS_WITH", "CIDR_MATCHES", "STARTS_WITH", "IS_TRUE", "IS_FALSE")
_Key = tuple[str, str]  # operator, value


def _most_telling(conditions: tuple[Condition, ...], in_use: Mapping[_Key, int]) -> int | None:
    """The place of the condition to file under, or None where there is none: with the values that the fewest
    statements share, for who meets one meets them all ("ends with our domain, and from this network")."""
    places = [
        (max(in_use[key] for key in keys), _TELLING.index(condition.operator), place)
        for place, condition in enumerate(conditions)
        if (keys := _keys_of(condition))
    ]
    return min(places)[2] if places else None


def _keys_of(condition: Condition) -> list[_Key]:
    """What it can be filed under: each of its values, or nothing."""
    if condition.operator not in _TELLING or not all(condition.values):  # "" is in every text
        return []
    return [(condition.operator, fold(value)) for value in dict.fromkeys(condition.values)]


def _texts_of(condition: Condition) -> Iterator[tuple[tuple[int | None, int | None], str]]:
    """Which part of a recipient to look at, as a slice's start and stop, and the text to find there."""
    for text in dict.fromkeys(map(fold, condition.values)):
        match condition.operator:
            case "EQUALS":
                yield (None, None), text
            case "ENDS_WITH":
                yield (-len(text), None), text
            case "STARTS_WITH":
                yield (None, len(text)), text


def _networks_of(condition: Condition) -> Iterator[tuple[int, int]]:
    """How far to shift a peer's address, and the bits to find then."""
    for network in dict.fromkeys(map(parse_network, condition.values)):
        shift = network.max_prefixlen - network.prefixlen
        yield shift, int(network.network_address) >> shift


_PIECE_LENGTH = 3
# Looking at every piece of a recipient takes as long as asking for about this many texts (measured:
# 2 µs for 30 characters, 70 ns for a text).
_WORTH_PIECES = 30


def _file_pieces(statements: list[Statement]) -> tuple[dict[str, list[_Entry]], list[_Entry]]:
    """(CONTAINS statements under a piece of each of their texts, all others), where that pays."""
    pieces: dict[str, list[_Entry]] = {}
    texts = {statement.position: _texts_within(statement.conditions) for statement in statements}
    is_worth_it = sum(map(len, texts.values())) > _WORTH_PIECES
    unfiled = []
    for statement in statements:
        entry = (statement.position, statement.tests)
        if not is_worth_it or not texts[statement.position]:
            unfiled.append(entry)
            continue
        chosen = {_rarest_piece(text, pieces) for text in texts[statement.position]}
        for piece in chosen:
            pieces.setdefault(piece, []).append(entry)
    return pieces, unfiled


def _texts_within(conditions: tuple[Condition, ...]) -> list[str]:
    """The texts of the first CONTAINS condition that has no short ones."""
    for condition in conditions:
        texts = list(map(fold, condition.values))
        if condition.operator == "CONTAINS" and all(len(text) >= _PIECE_LENGTH for text in texts):
            return texts
    return []


def _rarest_piece(text: str, pieces: dict[str, list[_Entry]]) -> str:
    starts = range(len(text) - _PIECE_LENGTH + 1)
    return min((text[i : i + _PIECE_LENGTH] for i in starts), key=lambda piece: len(pieces.get(piece, ())))
