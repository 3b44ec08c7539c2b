"""What some tests need beyond Python. `@pytest.mark.needs("postfix", "root")`

Where a part is missing the test is skipped, and says what is missing; under CI it fails: there
nobody reads what was skipped.
"""

import os
import shutil
from collections.abc import Callable

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def find_program(name: str) -> str | None:
    """Also where only root's PATH leads."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


_IS_THERE: dict[str, Callable[[], object]] = {
    "chromium": find_chromium,
    "postfix": lambda: find_program("postfix"),
    "swaks": lambda: find_program("swaks"),
    "smtp-source": lambda: find_program("smtp-source"),
    "node": lambda: find_program("node") and find_program("npm"),
    "gettext": lambda: find_program("msgfmt"),
    "root": lambda: os.geteuid() == 0,
}


def demand(item: pytest.Item) -> None:
    """Skip or fail `item`, where something is missing that one of its `needs` markers names."""
    wanted = [name for marker in item.iter_markers("needs") for name in marker.args]
    missing = [name for name in wanted if not _IS_THERE[name]()]
    if missing:
        verdict = pytest.fail if os.environ.get("CI") else pytest.skip
        verdict(
            f"missing on this machine: {', '.join(missing)} (script/setup --dev installs it where it may)"
        )
