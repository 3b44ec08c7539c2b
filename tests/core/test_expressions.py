"""Every operator, on text and on numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.expressions import fold, folded_string_matcher, number_matcher, string_matcher

STRINGS = [
    ("EQUALS", ["a@example.com"], "a@example.com", True),
    ("EQUALS", ["A@Example.COM"], "a@eXample.com", True),
    ("EQUALS", ["a@example.com"], "a+tag@example.com", False),
    ("EQUALS", ["x@example.com", "a@example.com"], "a@example.com", True),
    ("EQUALS", ["\uff21\uff22"], "ab", False),  # compatibility forms are other characters
    ("EQUALS", ["Straße"], "STRASSE", True),
    ("EQUALS", ["m\u00fcller"], "MU\u0308LLER", True),  # composed and decomposed are one text
    ("EQUALS", ["ΣΑΣ"], "σας", True),  # the final sigma too
    ("EQUALS", [], "", False),
    ("NOT_EQUALS", ["a@example.com"], "b@example.com", True),
    ("NOT_EQUALS", ["a@example.com"], "A@EXAMPLE.COM", False),
    ("NOT_EQUALS", ["a@example.com", "b@example.com"], "b@example.com", False),
    ("NOT_EQUALS", [], "anything", True),
    ("STARTS_WITH", ["postmaster@"], "PostMaster@example.com", True),
    ("STARTS_WITH", ["postmaster@"], "xpostmaster@example.com", False),
    ("STARTS_WITH", ["a", "b"], "b@example.com", True),
    ("STARTS_WITH", [], "b@example.com", False),
    ("ENDS_WITH", ["@example.com"], "a@EXAMPLE.com", True),
    ("ENDS_WITH", ["@example.com"], "a@sub.example.com", False),
    ("ENDS_WITH", [".example.com", "@example.com"], "a@sub.example.com", True),
    ("ENDS_WITH", ["@example.com"], "com", False),
    ("CONTAINS", ["+"], "a+tag@example.com", True),
    ("CONTAINS", ["SALES"], "our-sales@example.com", True),
    ("CONTAINS", ["x", "sales"], "our-sales@e.org", True),
    ("CONTAINS", ["x", "y"], "a@b.org", False),
    ("CONTAINS", [], "a@b.org", False),
    ("CONTAINS", [""], "a@b.org", True),
]


@pytest.mark.parametrize(("operator", "values", "text", "expected"), STRINGS)
def test_string_operators_know_no_case_and_take_any_of_several(operator, values, text, expected):
    assert string_matcher(operator, values)(text) is expected
    assert folded_string_matcher(operator, values)(fold(text)) is expected


def test_values_may_be_any_iterable_once():
    matches = string_matcher("CONTAINS", iter(["a", "b"]))
    assert matches("xb")
    assert matches("xb")


NUMBERS = [
    ("EQUALS", 10, [10], [9, 11]),
    ("NOT_EQUALS", 10, [9, 11], [10]),
    ("LESS_THAN", 10, [9], [10, 11]),
    ("GREATER_THAN", 10, [11], [10, 9]),
    ("LESS_THAN_OR_EQUAL", 10, [9, 10], [11]),
    ("GREATER_THAN_OR_EQUAL", 10, [10, 11], [9]),
]


@pytest.mark.parametrize(("operator", "value", "holds", "fails"), NUMBERS)
def test_number_operators(operator, value, holds, fails):
    matches = number_matcher(operator, value)
    assert all(map(matches, holds))
    assert not any(map(matches, fails))


@pytest.mark.parametrize(
    "compile_matcher", [lambda: string_matcher("LIKE", ["a"]), lambda: number_matcher("LIKE", 1)]
)
def test_an_unknown_operator_is_refused_when_it_is_compiled(compile_matcher):
    with pytest.raises(ValueError, match="LIKE"):
        compile_matcher()


@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)
