"""The live page in Chromium: accessible, as wide as the window, and changing without a reload."""

import time

import pytest
from playwright.sync_api import expect

from ingress.logic.limits import Limited, LimitKind
from ingress.reports import ACCEPTED, BUCKET_SECONDS
from tests.console.conftest import browse, with_gallery
from tests.console.test_accessibility import violations_of
from tests.console.test_browser import overflow_of
from tests.metrics.test_live import _report, client

__all__ = ["browse", "client", "with_gallery"]

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_changes_by_itself_fits_and_is_accessible(browse, client, theme):
    bucket = int(time.time() // BUCKET_SECONDS)
    for number in range(60):
        counted = {ACCEPTED: 100 + number, "550 5.7.1": number}
        client.hset(f"mailmanager:live:bucket:{bucket - number}", mapping=counted)
    page = browse(width=360, theme=theme, bypass_csp=True).new_page()
    page.goto("/live")
    expect(page.get_by_text("No ingress process reports")).to_be_visible()
    limited = (Limited(LimitKind.OF_ADDRESS, "192.0.2.7", 100),)
    client.set("mailmanager:live:process:node-1:1", _report(process_id=1, limited=limited).to_text(), ex=120)
    expect(page.get_by_text("192.0.2.7")).to_be_visible()
    assert overflow_of(page) <= 0
    assert violations_of(page) == []
