"""Members of inputs and the parameters of our verbs that they become, both ways.

`{"name": "RuleSetName"}`: parameter → member. A parameter that has no member of its own (a secret deep
in a union) names the whole path: problems are told there, and values are taken by hand.
"""

import re
from collections.abc import Mapping
from functools import wraps
from typing import Any

from api.call import Call, Document, Operation
from core.errors import Invalid, Problem

_HEAD = re.compile(r"[^.\[]*")


def given(call: Call, members: Mapping[str, str]) -> dict[str, Any]:
    """Those parameters whose members the input has: what is left out stays as it is, or by default."""
    return {parameter: call.input[member] for parameter, member in members.items() if member in call.input}


def blaming(members: Mapping[str, str], operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations, with problems told at members instead of our parameters."""
    return {name: _blaming(members, operate) for name, operate in operations.items()}


def _blaming(members: Mapping[str, str], operate: Operation) -> Operation:
    @wraps(operate)
    def blame(call: Call) -> Document:
        try:
            return operate(call)
        except Invalid as error:
            raise Invalid(_moved(members, problem) for problem in error.problems) from error

    return blame


def _moved(members: Mapping[str, str], problem: Problem) -> Problem:
    head = _HEAD.match(problem.path)
    name = head[0] if head else ""
    return Problem(members.get(name, name) + problem.path[len(name) :], problem.message, problem.constraint)
