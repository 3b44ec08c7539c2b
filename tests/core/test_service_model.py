"""The validator over botocore's model names the exact place of what is wrong."""

import pytest

from core.service_model import problems

DROP: dict = {"Drop": {}}

CASES = [
    ("fits", [{"Name": "all", "Conditions": [], "Unless": [], "Actions": [DROP]}], []),
    ("no action", [{"Actions": []}], [("Rules[0].Actions", "must have 1 to 10 entries")]),
    ("action missing", [{}], [("Rules[0].Actions", "is required")]),
    ("two in a union", [{"Actions": [{"Drop": {}, "Relay": {"Relay": "r-1"}}]}], [("Rules[0].Actions[0]", "must have exactly one of")]),
    ("unknown member", [{"Actions": [DROP], "Color": 1}], [("Rules[0].Color", "is not known here")]),
    ("pattern", [{"Name": "a b", "Actions": [DROP]}], [("Rules[0].Name", "must match")]),
    ("length", [{"Name": "a" * 33, "Actions": [DROP]}], [("Rules[0].Name", "must have 1 to 32 characters")]),
    ("not a list", {"Actions": [DROP]}, [("Rules", "must be a list")]),
    ("text for a list", [{"Actions": "Drop"}], [("Rules[0].Actions", "must be a list")]),
    (
        "boolean for a number",
        [{"Actions": [DROP], "Conditions": [{"NumberExpression": {"Evaluate": {"Attribute": "MESSAGE_SIZE"}, "Operator": "EQUALS", "Value": True}}]}],
        [("Rules[0].Conditions[0].NumberExpression.Value", "must be a number")],
    ),
    (
        "enum",
        [{"Actions": [DROP], "Conditions": [{"DmarcExpression": {"Operator": "IS", "Values": ["NONE"]}}]}],
        [("Rules[0].Conditions[0].DmarcExpression.Operator", "must be one of EQUALS, NOT_EQUALS")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "document", "expected"), CASES, ids=[case[0] for case in CASES])
def test_problems_carry_path_and_remedy(name, document, expected):
    found = problems("Rules", document, path="Rules")
    assert [problem.path for problem in found] == [path for path, _ in expected]
    for problem, (_, words) in zip(found, expected, strict=True):
        assert words in problem.message


def test_deep_nesting_is_refused_not_recursed():
    document: list = []
    for _ in range(5000):
        document = [document]
    assert problems("Rules", document)
