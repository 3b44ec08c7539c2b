"""The matching rules of policy documents: wildcards, ARNs and policy variables.

Source: IAM User Guide, “IAM JSON policy elements reference” (Resource, Condition operators, Variables).
"""

import re
from collections.abc import Mapping
from functools import lru_cache

# ${key} or ${key, 'default'}; ${*} ${?} ${$} are the literal characters.
_VARIABLE = re.compile(r"\$\{\s*(?P<key>[^,}\s]+)\s*(?:,\s*'(?P<default>[^']*)'\s*)?\}")
_ARN_PARTS = 6

# Context keys are compared without regard to case; the values of one key are a tuple.
Context = Mapping[str, tuple[str, ...]]

# Stand for literal characters through wildcard matching: private-use code points no input may hold.
_ESCAPED = {"*": "\ue000", "?": "\ue001", "$": "\ue002"}
_UNESCAPED = {code: character for character, code in _ESCAPED.items()}


def make_context(values: Mapping[str, str | tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`values` with keys folded and every value a tuple, as the evaluation wants them."""
    return {key.casefold(): (value,) if isinstance(value, str) else value for key, value in values.items()}


def expand(text: str, context: Context) -> str | None:
    """`text` with its policy variables filled in; None where one has no value, or more than one.

    The result is a pattern: what came out of a variable has its wildcards escaped, so that a
    request can't widen the policy.
    """
    if "${" not in text:
        return text
    pieces: list[str] = []
    position = 0
    for match in _VARIABLE.finditer(text):
        pieces.append(text[position : match.start()])
        position = match.end()
        key = match["key"]
        if key in _ESCAPED:
            pieces.append(_ESCAPED[key])
            continue
        values = context.get(key.casefold(), ())
        if len(values) == 1:
            pieces.append(_escape(values[0]))
        elif not values and match["default"] is not None:
            pieces.append(_escape(match["default"]))
        else:
            return None
    pieces.append(text[position:])
    return "".join(pieces)


def literal(pattern: str) -> str:
    """What an expanded pattern says where wildcards mean themselves (StringEquals)."""
    for code, character in _UNESCAPED.items():
        pattern = pattern.replace(code, character)
    return pattern


def matches_wildcards(pattern: str, text: str) -> bool:
    """`*` any run of characters, also none; `?` exactly one."""
    return _wildcards(pattern).fullmatch(text) is not None


def matches_arn(pattern: str, text: str) -> bool:
    """Wildcards within each of the six parts: `*` never reaches over a colon before the resource."""
    if pattern == "*":
        return True
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), text.split(":", _ARN_PARTS - 1)
    if len(patterns) != len(parts):
        return False
    return all(matches_wildcards(*pair) for pair in zip(patterns, parts, strict=True))


def _escape(value: str) -> str:
    for character, code in _ESCAPED.items():
        value = value.replace(character, code)
    return value


@lru_cache(maxsize=1024)
def _wildcards(pattern: str) -> re.Pattern[str]:
    first, *others = (_segment(segment) for segment in pattern.split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    # Each middle segment is taken where it first occurs and never again (an atomic group), as the
    # first place is always as good as a later one: no pattern makes the match exponential.
    return re.compile(first + "".join(f"(?>.*?{segment})" for segment in middle) + ".*" + last, re.DOTALL)


def _segment(text: str) -> str:
    return "".join("." if c == "?" else re.escape(_UNESCAPED.get(c, c)) for c in text)
