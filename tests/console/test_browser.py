"""The shell and the pieces in Chromium: nothing wider than the window, nothing that the CSP stops."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("chromium")

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


def test_japanese_fits_too(browse):
    page = browse(width=360, locale="ja-JP").new_page()
    for path in PAGES:
        page.goto(path)
        assert page.get_attribute("html", "lang") == "ja"
        assert overflow_of(page) <= 0, path


def test_without_javascript_every_menu_choice_and_list_works(browse):
    page = browse(java_script_enabled=False).new_page()
    page.goto("/gallery/list")
    assert not page.locator(".js-only").first.is_visible()
    page.locator(".top-bar summary", has_text="Settings").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("document.title").startswith("List")
    page.get_by_role("radio", name="owner").check()
    page.get_by_role("button", name="Delete").click()
    assert page.url.endswith("/delete")


def test_narrow_window_opens_the_navigation_without_javascript(browse):
    page = browse(width=360, java_script_enabled=False).new_page()
    page.goto("/gallery/list")
    link = page.get_by_role("navigation", name="Main menu").get_by_role("link", name="Audit log")
    assert not link.is_visible()
    page.get_by_text("Menu", exact=True).click()
    link.click()
    assert page.url.endswith("/access/audit")


def test_theme_follows_the_browser_and_the_choice(browse):
    page = browse(theme="dark").new_page()
    page.goto("/gallery/list")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(22, 29, 38)"
    page.locator(".top-bar summary", has_text="Settings").click()
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_copy_button_copies_and_says_so(browse):
    context = browse()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto("/gallery/")
    page.get_by_role("button", name="Copy inp-1abc2de3fghi4jkl5mnop6qr").click()
    page.get_by_text("Copied").first.wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "inp-1abc2de3fghi4jkl5mnop6qr"


def test_action_of_a_list_rests_until_a_row_is_chosen(browse):
    page = browse().new_page()
    page.goto("/gallery/list")
    button = page.get_by_role("button", name="Delete")
    assert button.is_disabled()
    page.get_by_role("radio", name="owner").check()
    assert button.is_enabled()


def test_json_editor_indents_inserts_and_marks_the_wrong_line(browse):
    page = browse().new_page()
    page.goto("/gallery/")
    area = page.get_by_label("Policy statements")
    page.get_by_text("No problems found").wait_for()
    page.get_by_role("button", name="Insert statement").click()
    assert '"Action": "ALLOW"' in area.input_value()
    area.fill("")
    area.press("Tab")
    assert area.input_value() == "  "
    area.fill('{\n"DefaultAction": "PERHAPS"\n}')
    page.get_by_text("Line 2").wait_for()
    assert page.locator(".json-editor__lines .is-wrong").inner_text() == "2"
    area.press("Escape")
    area.press("Tab")
    assert not area.evaluate("area => area === document.activeElement")


def test_tags_rows_come_and_go(browse):
    page = browse().new_page()
    page.goto("/gallery/")
    rows = page.locator("[data-row]")
    before = rows.count()
    page.get_by_role("button", name="Add new tag").click()
    assert rows.count() == before + 1
    page.get_by_role("button", name="Remove").first.click()
    assert rows.count() == before


def test_menus_close_on_escape(browse):
    page = browse().new_page()
    page.goto("/gallery/list")
    page.locator(".top-bar summary", has_text="owner").click()
    assert page.get_by_role("button", name="Sign out").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Sign out").is_visible()


def test_keyboard_skips_to_the_content(browse):
    page = browse().new_page()
    page.goto("/gallery/list")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_first_wrong_field_has_the_focus(browse):
    page = browse().new_page()
    page.goto("/gallery/")
    page.get_by_label("Name").first.fill("x")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("Nothing was saved.").wait_for()
    assert page.evaluate("document.activeElement.name") == "name"
