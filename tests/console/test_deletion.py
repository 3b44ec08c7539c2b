"""The delete page: asks for the name, names the users, works without JavaScript."""

import pytest

URL = "/gallery/delete"
NAME = '<b>"x"</b>'


@pytest.fixture(autouse=True)
def gallery(with_gallery) -> None:
    """The URLs with the gallery's delete page."""


def test_page_names_what_goes_as_text(owner):
    page = owner.get(URL).content.decode()
    assert "&lt;b&gt;&quot;x&quot;&lt;/b&gt;" in page
    assert NAME not in page


@pytest.mark.parametrize("typed", ["", "x", '<B>"X"</B>'])
def test_wrong_name_deletes_nothing(owner, typed):
    response = owner.post(URL, {"confirmation": typed})
    assert response.status_code == 200
    assert "field--wrong" in response.content.decode()


def test_right_name_deletes_and_says_so(owner):
    response = owner.post(URL, {"confirmation": NAME}, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "was deleted." in response.content.decode()


def test_refusal_of_the_service_stands_above_the_form(owner):
    page = owner.post(f"{URL}?refuses", {"confirmation": NAME}).content.decode()
    assert "wait until it rests" in page


def test_what_is_in_use_is_not_asked_about_but_explained(owner):
    page = owner.get(f"{URL}?used").content.decode()
    assert "marketing-inbound" in page
    assert "confirmation" not in page
    assert owner.post(f"{URL}?used", {"confirmation": NAME}).status_code == 200
