"""An administrator beside the running product: calls its services in a process that sees what it sees.

`python -m tests.e2e.desk` is that process. It reads one wish a line and answers with one line, JSON both.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from tests.servers.worker import REPOSITORY

_SHOWN = ("id", "arn", "name", "a_record", "status")


class Refused(Exception):
    """A service said no. `kind`: its exception's name; `paths`: what it blames."""

    def __init__(self, kind: str, words: str, paths: list[str]) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind, self.words, self.paths = kind, words, paths


class Desk:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, verb: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        """`call("policies.update", policy_id, default_action="DENY")`; what came of it, in short. Refused."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([verb, arguments, named]) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise Refused(*answer["refused"])
        return answer


@contextlib.contextmanager
def open_desk(environment: Mapping[str, str]) -> Iterator[Desk]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.desk"],
        cwd=REPOSITORY,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "mailmanager.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Desk(process)  # its end of file ends the process


def _serve() -> None:
    import django  # noqa: PLC0415 - not in the process of the tests

    django.setup()
    from access.actor import Actor, PersonRole  # noqa: PLC0415

    actor = Actor(name="desk", role=PersonRole.ADMINISTRATOR, source="127.0.0.1")
    for line in sys.stdin:
        verb, arguments, named = json.loads(line)
        print(json.dumps(_answer(actor, verb, arguments, named)), flush=True)


def _answer(actor: Any, verb: str, arguments: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    from core.errors import Invalid, ServiceError  # noqa: PLC0415

    app, _, name = verb.partition(".")
    try:
        made = getattr(import_module(f"{app}.services"), name)(actor, *arguments, **named)
    except ServiceError as error:
        blamed = (
            [p.path for p in error.problems] if isinstance(error, Invalid) else [getattr(error, "path", "")]
        )
        return {"refused": [type(error).__name__, str(error), blamed]}
    return {field: str(getattr(made, field)) for field in _SHOWN if hasattr(made, field)}


if __name__ == "__main__":
    _serve()
