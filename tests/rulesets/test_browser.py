"""The editor of a rule set in Chromium: rules, conditions and actions change in place, nothing overflows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from rulesets import services
from rulesets.models import RuleSet
from tests.rulesets.documents import (
    DROP,
    add_header,
    bucket,
    ip,
    mailbox,
    recipient,
    rewrite,
    rule,
    text,
    tls,
)
from tests.servers.browser import chromium, watched_context

pytestmark = pytest.mark.needs("chromium")

SHOTS = os.environ.get("SHOTS")  # a directory: pictures of the pages are left there


@pytest.fixture
def open_page(live_server, owner, monkeypatch) -> Iterator[Callable[..., Page]]:
    """`open_page(address, width=…, theme=…)`, signed in. What the page complains of fails the test."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps a loop in this thread
    session = owner.cookies[settings.SESSION_COOKIE_NAME].value
    complaints: list[str] = []
    with chromium() as browser:

        def visit(address, width=1280, theme="light"):
            viewport = {"width": width, "height": 900}
            profile = watched_context(
                browser, complaints, base_url=live_server.url, viewport=viewport, color_scheme=theme
            )
            profile.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
            )
            page = profile.new_page()
            page.goto(address)
            return page

        yield visit
    assert complaints == []


def test_a_rule_set_is_made_without_a_new_page(open_page):
    page = open_page(reverse("rulesets:create"))
    page.evaluate("window.stays = true")
    page.get_by_label("Name", exact=True).fill("inbound")
    page.get_by_role("button", name="Create new rule").click()
    page.get_by_label("Rule name").fill("spam")
    page.get_by_role("button", name="Add new condition").click()
    values = page.locator("#conditions-editor").get_by_label("Add a value")
    values.fill("trap@y.example")
    values.press("Enter")
    page.get_by_role("button", name="Add new exception").click()
    page.locator("#exceptions-0-property").select_option("TLS")
    expect(page.locator("#exceptions-0-operator")).to_have_value("IS_TRUE")
    page.locator("#actions-0-kind").select_option("AddHeader")
    page.get_by_label("Header name").fill("X-Spam")
    page.get_by_label("Header value").fill("yes")
    page.get_by_role("button", name="Add new action").click()
    page.locator("#actions-1-kind").select_option("Drop")
    expect(page.locator("#actions-1")).to_contain_text("Ends processing")
    page.get_by_role("button", name="Create new rule").click()
    expect(page.locator("#rule-1")).to_contain_text("trap@y.example")
    page.get_by_label("Mailbox").fill("staff")
    page.get_by_role("button", name="Move rule 2 up").click()
    expect(page.locator("#rule-1")).to_contain_text("Rule details")
    assert page.evaluate("window.stays")
    page.get_by_role("button", name="Create rule set").last.click()
    page.wait_for_url("**/rule-sets/rs-*")
    assert RuleSet.objects.get().rules == [
        rule(mailbox()),
        rule(add_header("X-Spam", "yes"), DROP, when=recipient("trap@y.example"), unless=tls(), name="spam"),
    ]


def test_what_is_typed_while_the_server_answers_stays(open_page):
    page = open_page(reverse("rulesets:create"))
    page.get_by_role("button", name="Create new rule").click()
    page.locator("#actions-0-kind").select_option("AddHeader")
    page.get_by_label("Header name").fill("X-Spam")
    held: list[Route] = []
    page.route("**" + reverse("rulesets:create"), lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    with page.expect_request("**" + reverse("rulesets:create")):
        page.get_by_role("button", name="Add new action").click()
    page.get_by_label("Header value").fill("yes")
    page.get_by_label("Header name").fill("X-Junk")
    held[0].continue_()
    expect(page.locator("#actions-1-kind")).to_be_visible()
    expect(page.get_by_label("Header name")).to_have_value("X-Junk")
    expect(page.get_by_label("Header value")).to_have_value("yes")


def test_enter_in_a_field_saves_and_removes_nothing(open_page, actor):
    stored = services.create(actor, name="inbound", rules=[rule(DROP, when=recipient("a@y.example"))])
    page = open_page(reverse("rulesets:edit", args=[stored.id]) + "?rule=1")
    page.get_by_label("Rule name").fill("all")
    page.get_by_label("Rule name").press("Enter")
    page.wait_for_url("**" + reverse("rulesets:detail", args=[stored.id]))
    stored.refresh_from_db()
    assert stored.rules == [rule(DROP, when=recipient("a@y.example"), name="all")]


def test_a_message_is_tried_in_place(open_page, actor):
    stored = services.create(actor, name="inbound", rules=[rule(DROP, when=text("FROM", "CONTAINS", "spam"))])
    page = open_page(reverse("rulesets:try", args=[stored.id]))
    page.evaluate("window.stays = true")
    page.get_by_label("Recipient addresses, one a line").fill("bob@y.example")
    page.locator("#id_message").fill("From: a@spam.example\n\n")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator("#rule-walk")).to_contain_text("Dropped: nothing more is done.")
    assert page.evaluate("window.stays")


@pytest.mark.parametrize(("width", "theme"), [(360, "light"), (1280, "dark"), (2560, "light")])
def test_pages_fit_the_window(open_page, actor, width, theme):
    stored = services.create(
        actor,
        name="i" * 63,
        rules=[
            rule(
                DROP, when=[recipient("x" * 200, "b@y.example"), ip("10.0.0.0/8")], unless=tls(), name="trap"
            ),
            rule(add_header(), rewrite("a@y.example"), mailbox(), bucket("b" * 62)),
        ],
    )
    edit = reverse("rulesets:edit", args=[stored.id])
    addresses = {
        "list": reverse("rulesets:list"),
        "detail": reverse("rulesets:detail", args=[stored.id]),
        "edit": edit,
        "edit-rule": f"{edit}?rule=1",
        "edit-actions": f"{edit}?rule=2",
        "json": f"{edit}?as=json",
        "try": reverse("rulesets:try", args=[stored.id]),
    }
    page = open_page("/", width, theme)
    for name, address in addresses.items():
        page.goto(address)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{theme}.png", full_page=True)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, name
