"""What a policy's statements name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def lists_named_in(statements: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(path, ID or ARN) of the address lists that checked statements ask, in document order."""
    for position, statement in enumerate(statements):
        for index, condition in enumerate(statement["Conditions"]):
            match condition:
                case {"BooleanExpression": {"Evaluate": {"IsInAddressList": {"AddressLists": [str(named)]}}}}:
                    path = f"PolicyStatements[{position}].Conditions[{index}].BooleanExpression"
                    yield f"{path}.Evaluate.IsInAddressList.AddressLists[0]", named
