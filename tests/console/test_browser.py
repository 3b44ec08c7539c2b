"""The shell and the pieces in Chromium: nothing wider than the window, nothing that the CSP stops."""

import os
from pathlib import Path

import pytest

SHOTS = os.environ.get("SHOTS")
PAGES = ["/", "/gallery/", "/gallery/list", "/gallery/wizard", "/gallery/delete", "/access/password"]


def overflow_of(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize(
    ("width", "theme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark"), (2560, "light")]
)
def test_pages_fit_the_window_in_both_themes(browse, width, theme):
    page = browse(width=width, theme=theme).new_page()
    for path in PAGES:
        page.goto(path)
        if SHOTS:
            page.screenshot(
                path=Path(SHOTS) / f"{path.strip('/').replace('/', '-') or 'home'}-{width}-{theme}.png",
                full_page=True,
            )
        assert overflow_of(page) <= 0, path
