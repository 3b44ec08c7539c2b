"""The way through address lists in Chromium, and again without JavaScript."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from addresslists import importing
from addresslists.models import AddressList, ImportJob
from addresslists.services import lists
from policies.models import TrafficPolicy
from tests.policies.documents import deny, in_list
from tests.servers.browser import chromium, watched_context

pytestmark = pytest.mark.needs("chromium")

CSV = b"address\n" + b"".join(b"user%d@example.com\n" % number for number in range(40)) + b"nobody\n"


@pytest.fixture
def open_page(live_server, owner, monkeypatch) -> Iterator[Callable[..., Page]]:
    """`open_page(address, width=…)`, signed in. What the page complains of fails the test."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps a loop in this thread
    session = owner.cookies[settings.SESSION_COOKIE_NAME].value
    complaints: list[str] = []
    with chromium() as browser:

        def visit(address, width=1280, **options):
            viewport = {"width": width, "height": 900}
            profile = watched_context(
                browser, complaints, base_url=live_server.url, viewport=viewport, **options
            )
            profile.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
            )
            page = profile.new_page()
            page.goto(address)
            return page

        yield visit
    assert complaints == []


@pytest.mark.parametrize("has_script", [True, False], ids=["with script", "without script"])
def test_a_list_is_made_tried_imported_into_and_asked_by_a_policy(open_page, has_script):
    page = open_page(reverse("dashboard"), java_script_enabled=has_script)
    page.get_by_role("navigation").get_by_role("link", name="Address lists").click()
    page.get_by_role("link", name="Create address list").first.click()
    page.get_by_label("Name", exact=True).fill("blocked")
    page.get_by_label("Addresses").fill("trap@example.com\n*.bad.example")
    page.get_by_role("button", name="Create address list").last.click()
    expect(page.get_by_role("heading", name="blocked").first).to_be_visible()
    made = AddressList.objects.get()
    assert made.member_count == 2

    page.get_by_label("Address", exact=True).fill("x@very.bad.example")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator("#matching")).to_contain_text("*.bad.example")

    page.get_by_role("radio", name="trap@example.com").check()
    page.locator("#members").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("trap@example.com was removed.")).to_be_visible()

    page.get_by_label("File").set_input_files({"name": "may.csv", "mimeType": "text/csv", "buffer": CSV})
    page.get_by_role("button", name="Import file").click()
    expect(page.get_by_text("Processing")).to_be_visible()
    importing.run(ImportJob.objects.get().id)
    if not has_script:
        page.reload()
    expect(page.get_by_text("Completed").first).to_be_visible(timeout=15_000)
    expect(page.get_by_text("nobody")).to_be_visible()

    page.goto(reverse("policies:create"))
    page.get_by_label("Name", exact=True).fill("inbound")
    page.get_by_role("button", name="Add new policy statement").click()
    page.locator("#statements-0-conditions-0-property").select_option("RECIPIENT_LIST")
    if not has_script:
        page.get_by_role("button", name="Show its operators").click()
    page.locator("#statements-0-conditions-0-values").select_option(label="blocked")
    page.get_by_role("button", name="Create traffic policy").last.click()
    expect(page.get_by_text("is in address list")).to_be_visible()
    assert TrafficPolicy.objects.get().statements == [deny(in_list(made.arn))]

    page.goto(reverse("addresslists:delete", args=[made.id]))
    expect(page.get_by_role("link", name="inbound")).to_be_visible()


@pytest.mark.parametrize("width", [360, 2560])
def test_pages_fit_the_window(open_page, actor, width):
    made = lists.create(actor, name="x" * 60, members=["a" * 60 + "@example.com", "*.example.com"])
    page = open_page(reverse("addresslists:list"), width=width)
    for address in (reverse("addresslists:create"), reverse("addresslists:detail", args=[made.id]), page.url):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
