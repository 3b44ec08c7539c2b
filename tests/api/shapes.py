"""Values of a shape of the service model: any that fit, and all that break just one constraint."""

import base64
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from botocore.model import Shape
from hypothesis import Phase, find, settings
from hypothesis import strategies as st

from core.service_model import pattern_of

_MOST_ENTRIES = 3  # of lists and maps that are made to fit
_MOST_CHARACTERS = 40
_AT_ONCE = settings(phases=[Phase.generate], database=None)  # the first that fits will do


# --- what fits ------------------------------------------------------------------------------------


def fitting(shape: Shape) -> st.SearchStrategy[Any]:
    """As JSON has it."""
    return _STRATEGIES[shape.type_name](shape)


def _structures(shape: Shape) -> st.SearchStrategy[Any]:
    members = {name: fitting(member) for name, member in shape.members.items()}
    if _is_union(shape):
        return st.one_of([st.fixed_dictionaries({name: member}) for name, member in members.items()])
    required = {name: members.pop(name) for name in shape.required_members}
    return st.fixed_dictionaries(required, optional=members)


def _lists(shape: Shape) -> st.SearchStrategy[Any]:
    least, most = _bounds(shape)
    return st.lists(fitting(shape.member), min_size=least, max_size=max(least, min(most, _MOST_ENTRIES)))


def _maps(shape: Shape) -> st.SearchStrategy[Any]:
    return st.dictionaries(fitting(shape.key), fitting(shape.value), max_size=_MOST_ENTRIES)


def _blobs(shape: Shape) -> st.SearchStrategy[Any]:
    least, most = _bounds(shape)
    content = st.binary(min_size=least, max_size=min(most, _MOST_CHARACTERS))
    return content.map(lambda content: base64.b64encode(content).decode())


def _whole_numbers(shape: Shape) -> st.SearchStrategy[Any]:
    least, most = _bounds(shape)
    return st.integers(least if "min" in shape.metadata else -5, min(most, least + 10_000))


def _strings(shape: Shape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    least, most = _bounds(shape)
    pattern = pattern_of(shape)
    if pattern is None or r"\P{C}" in shape.metadata["pattern"]:  # hypothesis would count all characters
        return st.text(_CHARACTERS, min_size=least, max_size=max(least, min(most, _MOST_CHARACTERS)))
    return st.from_regex(pattern, fullmatch=True, alphabet=_CHARACTERS).filter(
        lambda text: least <= len(text) <= most
    )


_CHARACTERS = st.characters(exclude_categories=["C"])


def _bounds(shape: Shape) -> tuple[int, int]:
    return shape.metadata.get("min", 0), shape.metadata.get("max", 2**31)


_STRATEGIES: dict[str, Callable[[Shape], st.SearchStrategy[Any]]] = {
    "structure": _structures,
    "list": _lists,
    "map": _maps,
    "string": _strings,
    "blob": _blobs,
    "boolean": lambda _: st.booleans(),
    "timestamp": lambda _: st.integers(0, 2_000_000_000),
    "integer": _whole_numbers,
    "long": _whole_numbers,
    "double": lambda _: st.floats(0, 1e6),
}


def _is_union(shape: Shape) -> bool:
    return bool(getattr(shape, "is_tagged_union", False))


# --- what breaks one constraint -------------------------------------------------------------------


class Breaker:
    """For the shapes of one service. Each structure is broken in all its ways where it is met first."""

    def __init__(self) -> None:
        self._examples: dict[str, Any] = {}
        self._met: set[str] = set()

    def example(self, shape: Shape) -> Any:
        """The least that fits, but with everything in it that is required."""
        if shape.name not in self._examples:
            if shape.type_name == "structure":
                names = list(shape.members)[:1] if _is_union(shape) else shape.required_members
                value: Any = {name: self.example(shape.members[name]) for name in names}
            elif shape.type_name == "list":
                value = [self.example(shape.member)] * shape.metadata.get("min", 0)
            else:
                value = find(fitting(shape), lambda _: True, settings=_AT_ONCE, random=Random(0))
            self._examples[shape.name] = value
        return self._examples[shape.name]

    def breaking(self, shape: Shape) -> Iterator[tuple[str, Any]]:
        """(path, value): each value fits but for one constraint, which is broken at `path`."""
        least, most = _bounds(shape)
        match shape.type_name:
            case "structure" if shape.name not in self._met:
                self._met.add(shape.name)
                yield from self._structures(shape)
            case "list":
                if least:
                    yield "", []
                if most < 1000:
                    yield "", [self.example(shape.member)] * (most + 1)
                for path, value in self.breaking(shape.member):
                    yield f"[0]{path}", [value]
            case "string":
                yield from _breaking_strings(shape)
            case "blob":
                if least:
                    yield "", ""
                if most < 10_000:
                    yield "", base64.b64encode(b"x" * (most + 1)).decode()
            case "integer" | "long":
                if "min" in shape.metadata:
                    yield "", least - 1
                if "max" in shape.metadata:
                    yield "", most + 1

    def _structures(self, shape: Shape) -> Iterator[tuple[str, Any]]:
        whole = {} if _is_union(shape) else self.example(shape)
        if _is_union(shape):
            yield "", {}
            if len(shape.members) > 1:
                yield "", {name: self.example(member) for name, member in list(shape.members.items())[:2]}
        for name in shape.required_members:
            yield f".{name}", {other: value for other, value in whole.items() if other != name}
        for name, member in shape.members.items():
            for path, value in self.breaking(member):
                yield f".{name}{path}", {**whole, name: value}
        yield ".Unknown", {**(whole or self.example(shape)), "Unknown": "x"}


def _breaking_strings(shape: Shape) -> Iterator[tuple[str, Any]]:
    if shape.enum:
        yield "", "NOT_AMONG_THEM"
        return
    least, most = _bounds(shape)
    if least:
        yield "", ""
    if most < 100_000:
        yield "", "a" * (most + 1)
    if pattern := pattern_of(shape):
        candidates = (text * max(least, 1) for text in ("§", "\n", "\x01", " ", "a", "1"))
        wrong = (text for text in candidates if len(text) <= most and not pattern.fullmatch(text))
        if (text := next(wrong, None)) is not None:
            yield "", text
