"""Lists: what the URL asks for, in a constant number of queries."""

import re

import pytest
from django.test import Client

from access.models import User
from tests.console.gallery import LIST as SOURCE
from tests.console.gallery import listing_of, show

LIST, KEYSET = "/gallery/list", "/gallery/keyset"


@pytest.fixture(autouse=True)
def gallery(with_gallery) -> None:
    """The URLs with the gallery's lists beside the product's."""


def make_people(count: int) -> None:
    User.objects.bulk_create(
        User(username=f"person{number:05}", role="viewer", email=f"<i>{number}</i>@x.example")
        for number in range(count)
    )


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/gallery/\d+">(\w+)</a>', page)


def get(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_list_shows_its_first_page_and_counts_all(owner):
    make_people(60)
    page = get(owner, LIST)
    assert len(names(page)) == 25
    assert "(61)" in page
    assert "&lt;i&gt;0&lt;/i&gt;@x.example" in page


@pytest.mark.parametrize("path", [LIST, f"{LIST}?q=o&sort=-name&page=2", f"{LIST}?size=100&page=90", KEYSET])
def test_ten_thousand_rows_take_as_many_queries_as_ten(owner, django_assert_num_queries, path):
    make_people(10)
    owner.get(path)  # what the URL chooses is remembered in the session, once
    with django_assert_num_queries(3 if path == KEYSET else 4):  # session, user, (count,) page
        few = owner.get(path)
    User.objects.bulk_create([User(username=f"more{number:05}", role="viewer") for number in range(10_000)])
    with django_assert_num_queries(3 if path == KEYSET else 4):
        many = owner.get(path)
    assert few.status_code == many.status_code == 200


def test_sorting_goes_both_ways_and_says_so(owner):
    make_people(3)
    page = get(owner, f"{LIST}?sort=name")
    assert names(page)[0] == "owner"
    assert 'aria-sort="ascending"' in page
    page = get(owner, f"{LIST}?sort=-name")
    assert names(page)[-1] == "owner"
    assert 'aria-sort="descending"' in page


@pytest.mark.parametrize("sort", ["password", "-password", "role__x", "'", "email"])
def test_sorting_by_what_is_no_sortable_column_is_ignored(owner, sort):
    make_people(3)
    page = get(owner, f"{LIST}?sort={sort}")
    assert 'aria-sort="ascending"' not in page
    assert len(names(page)) == 4


def test_every_word_of_the_filter_must_be_there(owner):
    make_people(30)
    page = get(owner, f"{LIST}?q=person+7%3C")
    assert names(page) == ["person00007", "person00017", "person00027"]
    assert 'value="person 7&lt;"' in page


def test_filter_stays_in_the_links_of_sorting_and_pages(owner):
    make_people(60)
    page = get(owner, f"{LIST}?q=person&extra=1")
    links = re.findall(r'href="(\?[^"]*)"', page)
    assert links
    assert all("q=person" in link and "extra=1" in link for link in links)


def test_no_match_offers_to_clear_the_filter(owner):
    page = get(owner, f"{LIST}?q=zzz%00")
    assert "No matches" in page
    assert f'href="{LIST}">Clear filter' in page


def test_empty_list_offers_the_action_that_ends_it(owner, rf):
    request = rf.get("/")
    request.user, request.session = User(username="x", role="viewer"), {}
    listing = listing_of(request)
    listing.queryset = User.objects.none()
    page = show(request, SOURCE, {"listing": listing}).content.decode()
    assert "No ingress endpoints" in page
    assert '<a class="button button--normal" href="/create">Create ingress endpoint</a>' in page


@pytest.mark.parametrize("page", ["0", "-1", "999", "x", ""])
def test_page_that_does_not_exist_is_the_nearest_one(owner, page):
    make_people(60)
    assert names(get(owner, f"{LIST}?page={page}"))


def test_page_size_and_columns_are_remembered(owner):
    make_people(60)
    get(owner, f"{LIST}?size=50&columns=name&columns=first")
    page = get(owner, LIST)
    assert len(names(page)) == 50
    assert "Traffic policy</th>" in re.sub(r"\s+<", "<", page)
    assert "ARecord</th>" not in re.sub(r"\s+<", "<", page)


@pytest.mark.parametrize("query", ["size=7", "size=x", "size=٣", "columns=password"])
def test_unknown_sizes_and_columns_are_ignored(owner, query):
    make_people(60)
    page = get(owner, f"{LIST}?{query}")
    assert len(names(page)) == 25
    assert "ID" in page


def test_keyset_pages_go_forth_and_back_over_all_rows(owner):
    make_people(34)
    seen, url = [], KEYSET
    while url:
        page = get(owner, url)
        seen += names(page)
        link = re.search(r'href="(\?[^"]*)" rel="next"', page)
        url = f"{KEYSET}{link[1]}" if link else ""
    assert len(seen) == len(set(seen)) == 35
    back: list[str] = []
    while True:
        back = names(page) + back
        link = re.search(r'href="(\?[^"]*)" rel="prev"', page)
        if not link:
            break
        page = get(owner, f"{KEYSET}{link[1]}")
    assert back == seen


@pytest.mark.parametrize(
    "query", ["after=x", "before=x", "after=0", "before=999999999999", "after=1&before=2"]
)
def test_keyset_of_nonsense_is_no_error(owner, query):
    make_people(3)
    assert owner.get(f"{KEYSET}?{query}").status_code == 200


def test_rows_are_chosen_by_radio_and_acted_on_by_form(owner):
    make_people(1)
    page = get(owner, LIST)
    assert page.count('type="radio" name="selected"') == 2
    assert '<form id="listing-choice" method="get"' in page
    assert 'form="listing-choice" formaction="/gallery/selected"' in page


def test_button_leads_to_the_page_of_the_chosen_row_or_says_that_none_was(owner):
    key = User.objects.get().pk
    assert owner.get("/gallery/selected", {"selected": key})["Location"] == f"/gallery/{key}/delete"
    page = owner.get("/gallery/selected", follow=True).content.decode()
    assert "Choose a row first." in page
