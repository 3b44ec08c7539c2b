"""A test whose parts are missing says so; under CI that is a failure."""

import pytest

from tests import needs


@pytest.fixture
def item(request, monkeypatch):
    """This test's own item, in need of a program that this machine has not."""
    monkeypatch.setattr(needs, "find_program", lambda name: None)
    request.node.add_marker(pytest.mark.needs("swaks"))
    return request.node


def test_missing_part_skips_and_is_named(item, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="missing on this machine: swaks"):
        needs.demand(item)


def test_missing_part_fails_under_ci(item, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="missing on this machine: swaks"):
        needs.demand(item)


@pytest.mark.needs
def test_nothing_needed_is_nothing_missing(request):
    needs.demand(request.node)
    assert list(request.node.iter_markers("needs"))
