"""Language, theme and time zone: chosen by plain forms, kept in cookies, also before signing in."""

import pytest
from django.utils import timezone

from access.services import audit
from console.preferences import zone_names

PREFERENCES = "/console/preferences"


@pytest.mark.parametrize("person", ["colleague", "stranger"])
@pytest.mark.django_db
def test_theme_is_chosen_and_stands_in_the_page(request, person):
    client = request.getfixturevalue(person)
    assert 'data-theme="auto"' in client.get("/access/sign-in", follow=True).content.decode()
    response = client.post(PREFERENCES, {"theme": "dark", "next": "/access/password"})
    assert response["Location"] == "/access/password"
    assert 'data-theme="dark"' in client.get("/access/sign-in", follow=True).content.decode()


@pytest.mark.django_db
def test_language_is_chosen_and_stands_in_the_page(colleague):
    colleague.post(PREFERENCES, {"language": "ja"})
    assert '<html lang="ja"' in colleague.get("/").content.decode()


@pytest.mark.django_db
def test_language_follows_the_browser_until_it_is_chosen(stranger):
    page = stranger.get("/access/sign-in", headers={"accept-language": "ja,en;q=0.5"}).content.decode()
    assert '<html lang="ja"' in page


def test_times_are_shown_in_the_zone_that_the_browser_says_until_one_is_chosen(owner, actor):
    audit(actor, "policies.create")
    assert " UTC</time>" in owner.get("/access/audit").content.decode()
    owner.cookies["guessed_time_zone"] = "Asia/Tokyo"
    assert " JST</time>" in owner.get("/access/audit").content.decode()
    owner.post(PREFERENCES, {"time_zone": "Asia/Kathmandu"})
    assert " +0545</time>" in owner.get("/access/audit").content.decode()
    owner.post(PREFERENCES, {"time_zone": ""})
    assert " JST</time>" in owner.get("/access/audit").content.decode()


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Nowhere/Else", "", "x" * 5000])
@pytest.mark.django_db
def test_cookie_that_names_no_zone_is_ignored(owner, zone):
    owner.cookies["time_zone"] = zone
    assert "Times are shown in UTC" in owner.get("/").content.decode()
    assert timezone.get_current_timezone_name() != zone


@pytest.mark.parametrize("typed", [{"theme": "pink"}, {"language": "xx"}, {"time_zone": "Mars/Base"}, {}])
def test_unknown_choices_are_ignored(stranger, db, typed):
    response = stranger.post(PREFERENCES, typed)
    assert response.status_code == 302
    assert not {"theme", "time_zone", "django_language"} & set(response.cookies)


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_back_stays_on_this_site(stranger, db, target):
    assert stranger.post(PREFERENCES, {"theme": "dark", "next": target})["Location"] == "/"
    assert f'value="{target}"' not in stranger.get(f"{PREFERENCES}?next={target}").content.decode()


@pytest.mark.django_db
def test_all_of_it_stands_on_one_page(colleague):
    page = colleague.get(PREFERENCES).content.decode()
    assert "<option>Asia/Tokyo</option>" in page
    assert "Asia/Tokyo" in zone_names()
    assert "Etc/UTC" not in zone_names()
