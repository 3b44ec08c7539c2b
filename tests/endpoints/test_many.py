"""Ten thousand secrets, keys and endpoints cost as many queries as ten."""

import re
from ipaddress import ip_network

import pytest
from django.urls import reverse
from django.utils import timezone

from endpoints.credentials import credentials_of
from endpoints.models import EndpointAddress, IngressEndpoint
from endpoints.snapshot import read_document
from secrets_store.models import EncryptionKey, KeyAlias, Secret
from tests.endpoints.many import make_endpoints, make_keys, make_secrets
from tests.secrets_store.conftest import key

__all__ = ["key"]  # a fixture of another room

MANY = 10_000
LISTS = {
    "endpoints": ("endpoints:list", "many-9999", "name"),
    "secrets": ("secrets_store:secrets", "many-9999", "name"),
    "keys": ("secrets_store:keys", "first-many-9999", "created"),
}


def addresses():
    return map(str, ip_network("127.64.0.0/18").hosts())


@pytest.fixture
def make_rows(key, policy, rule_set):
    def make(kind, count):
        if kind == "keys":
            make_keys(count)
        elif kind == "secrets":
            make_secrets(key, count)
        else:
            make_endpoints(policy, rule_set, [""] * count, addresses=addresses())

    return make


@pytest.fixture
def with_secrets(key, policy, rule_set):
    """`with_secrets(count)` endpoints with a secret each."""

    def make(count):
        arns = [secret.arn for secret in make_secrets(key, count)]
        return make_endpoints(policy, rule_set, arns, addresses=addresses())

    return make


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_ten_thousand_takes_the_queries_of_ten(
    owner, make_rows, django_assert_max_num_queries, kind
):
    url_name, last, sort = LISTS[kind]
    url = reverse(url_name)
    make_rows(kind, 10)
    owner.get(url)
    with django_assert_max_num_queries(8) as few:
        owner.get(url)
    for model in (EndpointAddress, IngressEndpoint, Secret, KeyAlias):
        model.objects.all().delete()
    EncryptionKey.objects.filter(id__startswith="many").delete()
    make_rows(kind, MANY)
    with django_assert_max_num_queries(len(few)):
        owner.get(url)
    for wanted in ({"page": "250"}, {"sort": f"-{sort}"}):
        with django_assert_max_num_queries(len(few)):
            assert owner.get(url, wanted).status_code == 200
    with django_assert_max_num_queries(len(few)):
        page = owner.get(url, {"q": last}).content.decode()
    assert last in page
    assert len(re.findall(r"<tr[ >]", page.partition("<tbody")[2])) == 1


def test_a_key_is_listed_once_however_many_of_its_aliases_match(owner, db):
    make_keys(1)
    page = owner.get(reverse("secrets_store:keys"), {"q": "many-0"}).content.decode()
    assert len(re.findall(r"<tr[ >]", page.partition("<tbody")[2])) == 1


@pytest.mark.parametrize(("count", "queries"), [(10, 1), (1_000, 1), (MANY, 2)])
def test_credentials_by_secrets_take_one_query_for_five_thousand(
    with_secrets, django_assert_max_num_queries, count, queries
):
    endpoints = with_secrets(count)
    with django_assert_max_num_queries(queries):
        credentials = credentials_of(endpoints, timezone.now())
    assert len(credentials) == count
    assert all(len(one.accepted) == 1 and not one.problem for one in credentials.values())


def test_the_snapshot_of_ten_thousand_endpoints_with_secrets_takes_six_queries(
    with_secrets, django_assert_max_num_queries
):
    with_secrets(MANY)
    with django_assert_max_num_queries(6):
        document = read_document()
    assert len(document["endpoints"]) == MANY
    assert all(one["credentials"] and not one["auth_problem"] for one in document["endpoints"])
