"""docs/settings.md has a line for each variable that settings read, with the default that holds."""

import ast
import re
from pathlib import Path

import pytest

from tests.servers.worker import REPOSITORY

_ROW = re.compile(r"^\| ([A-Z_0-9]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
_READERS = {"env", "_database"}


def _read_variables():
    """{name: expression of its default, or None} of everything that settings read."""
    found = {}
    for path in (REPOSITORY / "mailmanager" / "settings.py",):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            reader = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if isinstance(reader, ast.Name) and reader.id in _READERS:
                defaults = [word.value for word in node.keywords if word.arg == "default"]
                found[node.args[0].value] = defaults[0] if defaults else None
    return found


def _as_written(value):
    return ",".join(value) if isinstance(value, list) else str(value)


@pytest.fixture(scope="module")
def documented():
    text = Path(REPOSITORY / "docs" / "settings.md").read_text()
    return {name: default for name, default, _ in _ROW.findall(text)}


def test_every_variable_that_is_read_has_a_line_and_no_other(documented):
    assert sorted(documented) == sorted(_read_variables())


def test_documented_defaults_are_those_of_the_code(documented):
    compared = 0
    for name, expression in _read_variables().items():
        if not documented[name].startswith("`"):
            continue
        value = eval(compile(ast.Expression(expression), "settings", "eval"), {})
        assert documented[name] == f"`{_as_written(value)}`", name
        compared += 1
    assert compared > 20
