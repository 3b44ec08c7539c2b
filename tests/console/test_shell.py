"""The shell around every page, for each of the cast."""

import pytest

pytestmark = pytest.mark.django_db


def test_stranger_is_sent_to_sign_in(stranger, db):
    response = stranger.get("/")
    assert response.status_code == 302
    assert response["Location"] == "/access/sign-in?next=/"


@pytest.mark.parametrize("person", ["owner", "operator", "colleague"])
def test_everybody_who_is_signed_in_sees_the_dashboard(person, request):
    response = request.getfixturevalue(person).get("/")
    assert response.status_code == 200
    assert b"Dashboard" in response.content


@pytest.mark.parametrize(
    "path", ["/access/sign-in", "/access/password", "/search?q=x", "/resources/tags/arn:aws:ses:x"]
)
def test_pages_render(owner, path):
    response = owner.get(path, follow=True)
    assert response.status_code == 200


def test_sign_in_page_renders_for_strangers(stranger, db):
    response = stranger.get("/access/sign-in")
    assert response.status_code == 200
    assert b"Password" in response.content
