"""Debian's Chromium, driven by Playwright; a page fails its test when it logs an error (CSP included)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, sync_playwright

CHROMIUM = "/usr/bin/chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
            # Playwright's loop has Django's connections of this thread beside those without a loop
            # (asgiref.local): nobody else would close them, nor see when the server has.
            for connection in connections.all(initialized_only=True):
                if connection.connection is not None:
                    connection.close()


def watched_context(browser: Browser, complaints: list[str], **options: Any) -> BrowserContext:
    """A browser's profile whose pages note in `complaints` what they log as wrong."""
    context = browser.new_context(**options)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    context.on("console", note)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return context
