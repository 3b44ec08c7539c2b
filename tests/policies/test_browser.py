"""The editor of a policy in Chromium: conditions change in place, values are tokens, nothing overflows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from policies import services
from policies.models import TrafficPolicy
from tests.policies.documents import allow, deny, ipv4, ipv6, policy, recipient, tls
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

        def visit(address, width=1280, theme="light", **options):
            viewport = {"width": width, "height": 900}
            profile = watched_context(
                browser,
                complaints,
                base_url=live_server.url,
                viewport=viewport,
                color_scheme=theme,
                **options,
            )
            profile.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
            )
            page = profile.new_page()
            page.goto(address)
            return page

        yield visit
    assert complaints == []


def test_policy_is_made_with_tokens_and_without_a_new_page(open_page):
    page = open_page(reverse("policies:create") + "?next=/traffic-policies/?q=in")
    page.evaluate("window.stays = true")
    page.get_by_label("Name", exact=True).fill("inbound")
    page.get_by_role("button", name="Add new policy statement").click()
    statement = page.locator("#statements-0")
    values = statement.get_by_label("Add a value")
    values.fill("trap@example.com")
    values.press("Enter")
    values.press_sequentially("b@example.com,c@exam")
    values.press_sequentially("ple.com")
    statement.get_by_role("button", name="Add new condition").click()  # what is typed, not entered, counts
    expect(statement.locator("#statements-0-conditions-1-property")).to_be_focused()
    expect(statement.locator(".token")).to_have_count(3)
    statement.get_by_role("button", name="Remove b@example.com").click()

    statement.locator("#statements-0-conditions-1-property").select_option("SENDER_IP")
    expect(statement.locator("#statements-0-conditions-1-operator")).to_have_value("CIDR_MATCHES")
    second = statement.get_by_label("Add a value").nth(1)
    second.evaluate(
        """input => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text", "192.0.2.0/24\\n198.51.100.0/24; 192.0.2.0/24");
            input.dispatchEvent(new ClipboardEvent("paste", {clipboardData, cancelable: true}));
        }"""
    )
    expect(statement.locator(".token")).to_have_count(4)
    assert page.evaluate("window.stays")
    page.get_by_role("button", name="Create traffic policy").last.click()
    page.wait_for_url("**/traffic-policies/?q=in")
    expected = deny(
        recipient("EQUALS", "trap@example.com", "c@example.com"), ipv4("192.0.2.0/24", "198.51.100.0/24")
    )
    assert TrafficPolicy.objects.get().statements == [expected]


def test_enter_in_a_field_saves_and_removes_nothing(open_page, actor):
    stored = services.create(
        actor, name="inbound", default_action="ALLOW", statements=[deny(recipient("EQUALS", "a@b.example"))]
    )
    page = open_page(reverse("policies:edit", args=[stored.id]))
    page.get_by_label("Name", exact=True).fill("outside")
    page.get_by_label("Name", exact=True).press("Enter")
    page.wait_for_url("**" + reverse("policies:detail", args=[stored.id]))
    stored.refresh_from_db()
    assert (stored.name, len(stored.statements)) == ("outside", 1)


def test_decision_comes_in_place(open_page, actor):
    stored = services.create(
        actor, name="inbound", default_action="DENY", statements=[allow(recipient("ENDS_WITH", "@b.example"))]
    )
    page = open_page(reverse("policies:detail", args=[stored.id]))
    page.evaluate("window.stays = true")
    page.get_by_label("Recipient address").fill("a@b.example")
    page.get_by_label("Sender's IP address").fill("192.0.2.7")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#decision")).to_contain_text("Statement 1 holds.")
    assert page.evaluate("window.stays")


def test_policy_is_made_without_javascript(open_page):
    page = open_page(reverse("policies:create"), java_script_enabled=False)
    page.get_by_label("Name", exact=True).fill("inbound")
    page.get_by_role("button", name="Add new policy statement").click()
    page.locator("#statements-0-conditions-0-property").select_option("SENDER_IPV6")
    page.get_by_role("button", name="Show its operators").click()
    page.get_by_label("Values, one a line").fill("2001:db8::/32\nfe80::/10")
    page.get_by_role("button", name="Add new condition").click()
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "create-without-javascript.png", full_page=True)
    page.get_by_role("button", name="Remove condition 2").click()
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("inbound")
    assert TrafficPolicy.objects.get().statements == [deny(ipv6("2001:db8::/32", "fe80::/10"))]


@pytest.mark.parametrize(("width", "theme"), [(360, "light"), (1280, "dark"), (2560, "light")])
def test_pages_fit_the_window(open_page, actor, width, theme):
    document = policy(
        "DENY",
        deny(recipient("EQUALS", "x" * 200, "b@example.com"), ipv4("10.0.0.0/8")),
        allow(tls("IS", "TLS1_3")),
    )
    stored = services.create(
        actor,
        name="i" * 63,
        default_action="DENY",
        statements=document["PolicyStatements"],
        max_message_size_bytes=1 << 20,
    )
    services.update(actor, stored.id, max_message_size_bytes=None)
    tried = "?recipient=b@example.com&peer=10.0.0.1"
    addresses = {
        "list": reverse("policies:list"),
        "detail": reverse("policies:detail", args=[stored.id]) + tried,
        "edit": reverse("policies:edit", args=[stored.id]),
        "json": reverse("policies:edit", args=[stored.id]) + "?as=json",
    }
    page = open_page("/", width, theme)
    for name, address in addresses.items():
        page.goto(address)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{theme}.png", full_page=True)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, name
