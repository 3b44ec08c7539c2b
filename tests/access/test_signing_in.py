"""Signing in, being locked out, one's own password."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.utils import timezone

from access.models import AuditEntry, User
from tests.conftest import PASSWORD

SIGN_IN = "/access/sign-in"


@pytest.fixture
def ann(db) -> User:
    return User.objects.create_user("ann", password=PASSWORD)


def test_right_password_leads_to_where_one_wanted_to_go(stranger, ann):
    response = stranger.post(SIGN_IN, {"username": "ann", "password": PASSWORD, "next": "/access/audit"})
    assert response["Location"] == "/access/audit"


def test_sign_in_never_leads_to_another_site(stranger, ann):
    response = stranger.post(
        SIGN_IN, {"username": "ann", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert response["Location"] == "/"


def test_wrong_password_says_so_and_keeps_the_name(stranger, ann):
    page = stranger.post(SIGN_IN, {"username": "ann", "password": "wrong"}).content.decode()
    assert "correct username and password" in page
    assert 'value="ann"' in page
    assert "wrong" not in page.replace("field--wrong", "")


def test_fifth_wrong_password_locks_the_name_for_a_while(stranger, ann):
    for _ in range(4):
        assert stranger.post(SIGN_IN, {"username": "ann", "password": "wrong"}).status_code == 200
    response = stranger.post(SIGN_IN, {"username": "ann", "password": "wrong"})
    assert response.status_code == 429
    assert "Try again in 14 minutes" in response.content.decode()
    assert stranger.post(SIGN_IN, {"username": "ann", "password": PASSWORD}).status_code == 429


def test_lock_ends(stranger, ann):
    for _ in range(5):
        stranger.post(SIGN_IN, {"username": "ann", "password": "wrong"})
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert stranger.post(SIGN_IN, {"username": "ann", "password": PASSWORD}).status_code == 302


def test_lock_of_one_address_is_not_the_lock_of_another(stranger, ann):
    for _ in range(5):
        stranger.post(SIGN_IN, {"username": "ann", "password": "wrong"})
    response = stranger.post(SIGN_IN, {"username": "ann", "password": PASSWORD}, REMOTE_ADDR="192.0.2.7")
    assert response.status_code == 302


def test_right_password_forgets_former_failures(stranger, ann):
    for _ in range(3):
        for _ in range(4):
            stranger.post(SIGN_IN, {"username": "ann", "password": "wrong"})
        assert stranger.post(SIGN_IN, {"username": "ann", "password": PASSWORD}).status_code == 302


def test_signing_out_takes_a_post(owner):
    assert owner.get("/access/sign-out").status_code == 405
    assert owner.post("/access/sign-out")["Location"] == SIGN_IN
    assert owner.get("/").status_code == 302


def test_own_password_changes_and_this_browser_stays_signed_in(colleague):
    new = {"new_password1": "a much better secret", "new_password2": "a much better secret"}
    page = colleague.post("/access/password", {"old_password": PASSWORD, **new}, follow=True).content.decode()
    assert "Your password was changed." in page
    assert User.objects.get().check_password("a much better secret")
    assert AuditEntry.objects.get().action == "access.change_password"


def test_own_password_asks_for_the_present_one(colleague):
    new = {"new_password1": "a much better secret", "new_password2": "a much better secret"}
    page = colleague.post("/access/password", {"old_password": "wrong", **new}).content.decode()
    assert "entered incorrectly" in page
    assert User.objects.get().check_password(PASSWORD)


def test_admin_uses_our_sign_in(stranger, owner, colleague):
    assert stranger.get("/admin/", follow=True).redirect_chain[-1][0] == "/access/sign-in?next=/admin/"
    assert owner.get("/admin/access/user/").status_code == 200
    assert colleague.get("/admin/", follow=True).status_code == 403
