"""Times, codes and the navigation as templates show them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from console.code import colour
from console.navigation import links_for
from console.templatetags.console import ago, exact, iso


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=9), "now"),
        (timedelta(seconds=30), "30 seconds ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=29), "29 days ago"),
        (-timedelta(minutes=5, seconds=30), "in 5 minutes"),
        (-timedelta(days=2, seconds=30), "in 2 days"),
    ],
)
def test_times_are_distances(distance, words):
    assert ago(timezone.now() - distance) == words


def test_far_times_are_dates_in_the_readers_zone():
    with timezone.override("Asia/Tokyo"):
        assert ago(datetime(2001, 2, 3, 23, 0, tzinfo=UTC)) == "Feb. 4, 2001"
        assert exact(datetime(2001, 2, 3, 23, 0, tzinfo=UTC)) == "2001-02-04 08:00:00 JST"
        assert iso(datetime(2001, 2, 3, 23, 0, tzinfo=UTC)) == "2001-02-04T08:00:00.000+09:00"


def test_no_time_is_no_words():
    assert ago(None) == exact(None) == iso(None) == ""


def test_colours_never_change_the_text():
    text = '{"a": "<b>", "c": true} # --x\n334 VXNlcm5hbWU6\n$ aws --x'
    for language in ("json", "dns", "smtp", "terminal", "unknown"):
        coloured = colour(language, text)
        plain = re.sub(r"</?span[^>]*>", "", coloured)
        assert plain == text.replace("<b>", "&lt;b&gt;").replace('"', "&quot;")


def test_navigation_leaves_out_what_is_not_there_and_what_one_may_not():
    with translation.override("en"):
        administrator = {str(link.label) for _, links in links_for("administrator", "") for link in links}
        viewer = {str(link.label) for _, links in links_for("viewer", "") for link in links}
    assert {"Dashboard", "People", "Audit log"} <= administrator
    assert administrator - viewer == {"People"}
    assert "Email archives" not in administrator


def test_navigation_marks_the_current_item():
    current = [link.url for _, links in links_for("viewer", "audit") for link in links if link.is_current]
    assert current == ["/access/audit"]
