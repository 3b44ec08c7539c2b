"""WCAG 2.2 A and AA as far as a machine can tell (axe-core): names, contrast, landmarks, sizes."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

pytestmark = pytest.mark.needs("chromium")

PAGES = [
    "/",
    "/gallery/",
    "/gallery/list",
    "/gallery/wizard",
    "/gallery/delete",
    "/access/people/new",
    "/access/audit",
]
# preload: axe would fetch the style sheets again, from the wrong place.
OPTIONS = {
    "resultTypes": ["violations"],
    "preload": False,
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}


# bypass_csp: axe itself sets styles inline; test_browser.py looks at pages as they are.


def violations_of(page: Page) -> list[tuple[str, Any]]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [
        (one["id"], [(node["html"][:200], node["failureSummary"]) for node in one["nodes"][:3]])
        for one in found
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible_in_both_themes(browse, theme):
    page = browse(theme=theme, bypass_csp=True).new_page()
    for path in PAGES:
        page.goto(path)
        assert violations_of(page) == [], path


def test_open_menus_and_wrong_forms_are_accessible(browse):
    page = browse(width=360, bypass_csp=True).new_page()
    page.goto("/gallery/")
    page.get_by_role("button", name="Save changes").click()
    page.locator(".top-bar summary").first.click()
    assert violations_of(page) == []


def test_sign_in_is_accessible(browse):
    context = browse(bypass_csp=True)
    context.clear_cookies()
    page = context.new_page()
    page.goto("/access/sign-in")
    assert violations_of(page) == []


def test_the_check_itself_finds_what_is_wrong(browse):
    page = browse(bypass_csp=True).new_page()
    page.goto("/gallery/list")
    page.evaluate("document.querySelector('[name=q]').removeAttribute('aria-label')")
    page.evaluate("document.querySelectorAll('[name=q]').forEach(input => input.placeholder = '')")
    assert [rule for rule, _ in violations_of(page)] == ["label"]
