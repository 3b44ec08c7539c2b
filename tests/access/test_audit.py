"""The audit log: read by all, filtered, without end, changed by nobody."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import AuditEntry
from access.services import audit

ADMIN_PATHS = [
    "/admin/access/auditentry/",
    "/admin/access/user/",
    "/admin/resources/tag/",
    "/admin/resources/documentversion/",
    "/admin/resources/reference/",
    "/admin/resources/configuration/",
]


@pytest.fixture
def entries(db, actor, viewer) -> None:
    audit(actor, "policies.create", "arn:aws:ses:us-east-1:1:mailmanager-traffic-policy/tp-1", name="one")
    audit(viewer, "relays.delete", "arn:aws:ses:us-east-1:1:mailmanager-smtp-relay/r-1", name='<b>"two"</b>')


@pytest.mark.parametrize("person", ["owner", "operator", "colleague"])
def test_everybody_signed_in_may_read_it(request, person, entries):
    page = request.getfixturevalue(person).get("/access/audit").content.decode()
    assert "policies.create" in page
    assert "name: &lt;b&gt;" in page
    assert "<b>" not in page


def test_stranger_may_not(stranger, db):
    assert stranger.get("/access/audit").status_code == 302


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("actor=owner", "policies.create"),
        ("action=relays", "relays.delete"),
        ("resource=tp-1", "policies.create"),
        ("actor=OWNER&action=policies", "policies.create"),
    ],
)
def test_filters_narrow(owner, entries, query, shown):
    page = owner.get(f"/access/audit?{query}").content.decode()
    other = {"policies.create": "relays.delete", "relays.delete": "policies.create"}[shown]
    assert f"<code>{shown}</code>" in page
    assert f"<code>{other}</code>" not in page


def test_days_are_the_readers(owner, entries):
    AuditEntry.objects.filter(action="policies.create").update(at=timezone.now() - timedelta(days=3))
    today = timezone.now().date().isoformat()
    page = owner.get(f"/access/audit?since={today}").content.decode()
    assert "<code>relays.delete</code>" in page
    assert "<code>policies.create</code>" not in page


def test_filter_that_is_no_date_is_said_and_narrows_nothing(owner, entries):
    page = owner.get("/access/audit?since=yesterday").content.decode()
    assert "Enter a valid date." in page
    assert "<code>relays.delete</code>" in page


def test_no_matches_offers_to_clear_the_filter(owner, entries):
    page = owner.get("/access/audit?actor=nobody").content.decode()
    assert "No matches" in page
    assert "Clear filter" in page


@pytest.mark.parametrize("path", ADMIN_PATHS)
def test_admin_shows_and_searches_but_changes_nothing(owner, entries, path):
    assert owner.get(path).status_code == 200
    assert owner.get(f"{path}add/").status_code == 403


def test_admin_has_no_way_to_change_an_entry(owner, entries):
    entry = AuditEntry.objects.latest("id")
    page = owner.get(f"/admin/access/auditentry/{entry.pk}/change/").content.decode()
    assert 'name="_save"' not in page
    assert owner.post(f"/admin/access/auditentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert AuditEntry.objects.count() == 2
