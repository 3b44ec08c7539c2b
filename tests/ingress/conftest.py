"""A real ingress on a loop of its own, with a snapshot that a test makes by hand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ingress.serving import Ingress, serving


@pytest.fixture
def make_ingress(tmp_path: Path) -> Iterator[Callable[..., Ingress]]:
    """`make_ingress(served(…), …config)`: started with that endpoint, mail kept in `.stored`."""
    with ExitStack() as stack:
        yield lambda endpoint, **config: stack.enter_context(serving(tmp_path, endpoint, **config))
