"""The console in a real browser, with a page that shows every piece."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext

from tests.servers.browser import chromium, watched_context

GALLERY_URLS = "tests.console.gallery"


@pytest.fixture
def with_gallery(settings) -> None:
    settings.ROOT_URLCONF = GALLERY_URLS


@pytest.fixture
def browse(live_server, with_gallery, owner: Client, monkeypatch) -> Iterator[Callable[..., BrowserContext]]:
    """`browse(width=…, theme=…)`: a signed-in browser's profile. What its pages complain of fails the test."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps a loop in this thread
    session = owner.cookies[settings.SESSION_COOKIE_NAME].value
    complaints: list[str] = []
    with chromium() as browser:

        def context(width: int = 1280, theme: str = "light", **options) -> BrowserContext:
            profile = watched_context(
                browser,
                complaints,
                base_url=live_server.url,
                viewport={"width": width, "height": 800},
                color_scheme=theme,
                **options,
            )
            profile.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
            )
            return profile

        yield context
    assert complaints == []
