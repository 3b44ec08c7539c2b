"""JSON text with the place of each value in it, so that a problem's path leads to a line."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import Problem

MAX_DEPTH = 64  # bounds the recursion; documents of the service model are far flatter
_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_PYTHON_LITERALS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class JsonSource:
    """A parsed text. `lines`: path (`Rules[2].Actions[0]`, "" is the whole) → line, from 1."""

    value: Any
    lines: dict[str, int]

    def line_of(self, path: str) -> int:
        """The line of the value at `path`; of what holds it where the value isn't there."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


@dataclass(frozen=True, slots=True)
class SourceProblem:
    line: int
    path: str
    message: str


class SourceError(ValueError):
    """The text is no JSON. `str(self)` says why, for the person who typed it."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def parse(text: str) -> JsonSource:
    """SourceError where `text` isn't exactly one JSON value (RFC 8259; a key twice is refused too)."""
    reader = _Reader(text)
    value = reader.read_value("", 0)
    reader.skip_space()
    if reader.position < len(text):
        raise reader.error("nothing may follow the document")
    return JsonSource(value, reader.lines)


def check(text: str, problems_in: Callable[[Any], Iterable[Problem]]) -> list[SourceProblem]:
    """What is wrong with `text`, by line: that it is no JSON, or what `problems_in(value)` finds."""
    try:
        source = parse(text)
    except SourceError as error:
        return [SourceProblem(error.line, "", str(error))]
    found = [
        SourceProblem(source.line_of(problem.path), problem.path, problem.message)
        for problem in problems_in(source.value)
    ]
    return sorted(found, key=lambda problem: problem.line)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[str, int] = {}
        self._counted_to = 0
        self._line = 1

    def error(self, message: str, position: int | None = None) -> SourceError:
        at = self.position if position is None else position
        line = self.text.count("\n", 0, at) + 1
        return SourceError(message, line, at - self.text.rfind("\n", 0, at))

    def skip_space(self) -> str:
        """The next character that is no white space; "" at the end."""
        match = _SPACE.match(self.text, self.position)
        assert match
        self.position = match.end()
        return self.text[self.position : self.position + 1]

    def read_value(self, path: str, depth: int) -> Any:
        first = self.skip_space()
        if depth > MAX_DEPTH:
            raise self.error("is nested too deeply")
        self._line += self.text.count("\n", self._counted_to, self.position)
        self._counted_to = self.position
        self.lines[path] = self._line
        match first:
            case "{":
                return self._read_object(path, depth)
            case "[":
                return self._read_list(path, depth)
            case '"':
                return self._read_string()
            case "":
                raise self.error("ends too early: a value is missing")
        match = _SCALAR.match(self.text, self.position)
        if match is None:
            raise self.error(
                f"“{first}” can't stand here: a value begins with {{, [, \", a digit, true, false or null"
            )
        self.position = match.end()
        word = match.group()
        return _PYTHON_LITERALS[word] if word in _PYTHON_LITERALS else self._number(word)

    def _number(self, word: str) -> int | float:
        try:
            return float(word) if any(sign in word for sign in ".eE") else int(word)
        except ValueError as error:  # more digits than Python turns into a number
            raise self.error("is too long a number") from error

    def _read_string(self) -> str:
        try:
            value, self.position = json.decoder.scanstring(self.text, self.position + 1, True)  # type: ignore[attr-defined]
        except json.JSONDecodeError as error:
            raise self.error(f"a text is not closed or not well written ({error.msg})", error.pos) from error
        return str(value)

    def _read_object(self, path: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.position += 1
        if self.skip_space() == "}":
            self.position += 1
            return members
        while True:
            if self.skip_space() != '"':
                raise self.error("a member's name in \" is missing")
            start = self.position
            name = self._read_string()
            if name in members:
                raise self.error(f"“{name}” is there twice", start)
            if self.skip_space() != ":":
                raise self.error(f"a colon is missing after “{name}”")
            self.position += 1
            members[name] = self.read_value(f"{path}.{name}" if path else name, depth + 1)
            if self._is_last("}"):
                return members

    def _read_list(self, path: str, depth: int) -> list[Any]:
        entries: list[Any] = []
        self.position += 1
        if self.skip_space() == "]":
            self.position += 1
            return entries
        while True:
            entries.append(self.read_value(f"{path}[{len(entries)}]", depth + 1))
            if self._is_last("]"):
                return entries

    def _is_last(self, end: str) -> bool:
        """Past a comma (False), or past the closing sign (True)."""
        found = self.skip_space()
        if found not in (",", end) or not found:
            raise self.error(f"a comma or {end} is missing")
        self.position += 1
        return found == end
