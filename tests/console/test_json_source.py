"""JSON with the line of each value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.json_source import SourceError, check, parse
from core.errors import Problem

TEXT = """{
  "Rules": [
    {"Name": "one"},
    {
      "Name": "two",
      "Actions": [
        {"Drop": {}}
      ]
    }
  ],
  "Ö": 1
}"""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 1),
        ("Rules", 2),
        ("Rules[0].Name", 3),
        ("Rules[1]", 4),
        ("Rules[1].Name", 5),
        ("Rules[1].Actions[0].Drop", 7),
        ("Rules[1].Actions[0].Drop.Nothing.There", 7),
        ("Rules[1].Conditions", 4),
        ("Rules[9].Name", 2),
        ("Ö", 11),
        ("Nowhere", 1),
    ],
)
def test_path_leads_to_its_line_or_to_what_holds_it(path, line):
    assert parse(TEXT).line_of(path) == line


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "ends too early"),
        ("{\n", 2, "member's name"),
        ('{\n  "a": 1,\n}', 3, "member's name"),
        ('{\n  "a" 1}', 2, "colon"),
        ("[1,\n2\n3]", 3, "comma or ]"),
        ('{"a": 1}\nx', 2, "nothing may follow"),
        ('{"a": 1,\n"a": 2}', 2, "there twice"),
        ('["a\nb"]', 1, "not closed or not well written"),
        ('["open', 1, "not closed"),
        ("[01]", 1, "comma or ]"),
        ("[NaN]", 1, "can't stand here"),
        ("[1" + "0" * 5000 + "]", 1, "too long"),
        ("[" * 100 + "]" * 100, 1, "too deeply"),
        ("[1,", 1, "ends too early"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, line, said):
    with pytest.raises(SourceError, match=said.replace("]", r"\]")) as caught:
        parse(text)
    assert caught.value.line == line


@given(JSON)
def test_every_json_is_read_as_python_reads_it(value):
    for indent in (None, 2):
        assert parse(json.dumps(value, indent=indent)).value == value


@given(st.text())
def test_no_text_is_anything_but_json_or_a_source_error(text):
    try:
        value = parse(text).value
    except SourceError:
        return
    assert value == json.loads(text)


def test_check_gives_problems_in_the_order_of_the_lines():
    problems = check(TEXT, lambda value: [Problem("Rules[1].Name", "b"), Problem("Rules[0].Name", "a")])
    assert [(problem.line, problem.message) for problem in problems] == [(3, "a"), (5, "b")]


def test_check_of_no_json_does_not_ask_for_problems():
    def never(value: object) -> list[Problem]:
        raise AssertionError("asked about no JSON")

    problems = check("{", never)
    assert [problem.line for problem in problems] == [1]
