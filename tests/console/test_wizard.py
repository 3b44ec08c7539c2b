"""Wizards without JavaScript: forth, back, review, and nothing secret where it doesn't belong."""

import re

import pytest
from django.contrib.sessions.models import Session

URL = "/gallery/wizard"
SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def gallery(with_gallery) -> None:
    """The URLs with the gallery's wizard."""


def send(client, step, do="next", **fields):
    return client.post(URL, {"_step": step, "_do": do, **fields}, follow=True).content.decode()


def fill(client, name="marketing") -> str:
    client.get(URL)
    send(client, "value", kind="A", password=SECRET)
    return send(client, "name", name=name, tags_key=["stage"], tags_value=["test"])


def current(page: str) -> str:
    match = re.search(r'name="_step" value="(\w+)"', page)
    assert match
    return match[1]


def test_steps_lead_to_the_review_and_finish(owner):
    page = fill(owner)
    assert current(page) == "review"
    assert "Other type of secret" in page
    assert "stage = test" in page
    assert SECRET not in page
    response = owner.post(URL, {"_step": "review", "_do": "next"})
    assert response["Location"] == f"/gallery/list?q=marketing-{SECRET}"


def test_wrong_step_is_said_and_kept(owner):
    owner.get(URL)
    page = send(owner, "value", kind="B", password="")
    assert current(page) == "value"
    assert "This field is required." in page
    assert '<option value="B" selected>' in page


def test_going_back_keeps_what_was_typed_even_if_wrong(owner):
    owner.get(URL)
    send(owner, "value", kind="B", password=SECRET)
    page = send(owner, "name", do="previous", name="", tags_key=["stage"], tags_value=["test"])
    assert current(page) == "value"
    assert '<option value="B" selected>' in page
    page = send(owner, "value", kind="B", password=SECRET)
    assert current(page) == "name"
    assert 'value="stage"' in page
    assert "This field is required." not in page


def test_edit_on_the_review_leads_to_the_step(owner):
    fill(owner)
    page = owner.post(URL, {"_step": "review", "_go": "name"}, follow=True).content.decode()
    assert current(page) == "name"
    assert 'value="marketing"' in page


def test_no_step_is_reached_before_those_ahead_of_it(owner):
    owner.get(URL)
    assert current(owner.get(f"{URL}?step=name").content.decode()) == "value"
    assert current(owner.get(f"{URL}?step=review").content.decode()) == "value"
    assert current(owner.get(f"{URL}?step=nonsense").content.decode()) == "value"


def test_finishing_without_the_steps_shows_the_first_one_missing(owner):
    owner.get(URL)
    page = send(owner, "review")
    assert current(page) == "value"
    assert "This field is required." in page


def test_refusal_of_the_service_is_said_at_its_step(owner):
    fill(owner, name="taken")
    page = send(owner, "review")
    assert current(page) == "name"
    assert "The name is taken." in page


def test_refusal_of_no_field_is_said_on_the_review(owner):
    fill(owner, name="full")
    page = send(owner, "review")
    assert current(page) == "review"
    assert "There is no room." in page


def test_cancel_and_finish_forget_what_was_typed(owner):
    fill(owner)
    send(owner, "review", do="cancel")
    assert current(owner.get(f"{URL}?step=review").content.decode()) == "value"
    fill(owner)
    send(owner, "review")
    assert current(owner.get(f"{URL}?step=review").content.decode()) == "value"


def test_beginning_anew_forgets_what_was_typed(owner):
    fill(owner)
    assert "marketing" not in owner.get(URL).content.decode()
    assert current(owner.get(f"{URL}?step=name").content.decode()) == "value"


def test_what_was_typed_is_neither_in_cookies_nor_readable_in_the_database(owner):
    fill(owner)
    assert SECRET not in str(owner.cookies)
    stored = [session.get_decoded() for session in Session.objects.all()]
    assert "wizard:gallery" in stored[0]
    assert SECRET not in str(stored)
    assert "marketing" not in str(stored)


def test_kept_under_a_former_secret_key_is_forgotten_not_an_error(owner, settings):
    fill(owner)
    session = owner.session
    session["wizard:gallery"] = "gAAAA-nonsense"
    session.save()
    assert current(owner.get(f"{URL}?step=review").content.decode()) == "value"


def test_viewer_of_the_page_is_asked_to_sign_in(stranger, db):
    assert stranger.get(URL).status_code == 302
