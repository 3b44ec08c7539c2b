"""The pages of access keys, by the cast, as a browser without JavaScript uses them."""

import re
from html import unescape

import pytest
from django.urls import reverse

from access.models import AuditEntry, User
from api import access_keys
from api.models import AccessKey

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"access_keys:{name}", args=args)


def page(response):
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.fixture
def colleagues_key(actor, colleague):
    return AccessKey.objects.get(pk=access_keys.create(actor, "colleague").access_key_id)


@pytest.fixture
def owners_key(actor, owner):
    return AccessKey.objects.get(pk=access_keys.create(actor, "owner").access_key_id)


def test_strangers_are_sent_to_sign_in(stranger, owners_key):
    for address in [url("list"), url("create"), url("detail", owners_key.id), url("delete", owners_key.id)]:
        assert stranger.get(address).status_code == 302
        assert stranger.post(url("switch", owners_key.id), {"active": "no"}).status_code == 302
    assert AccessKey.objects.get().is_active


def test_everybody_makes_keys_of_their_own_and_sees_the_secret_once(colleague):
    told = page(colleague.post(url("create")))
    key = AccessKey.objects.get()
    secret = access_keys.secret_of(key)
    assert key.user.username == "colleague"
    assert secret is not None
    assert secret in told
    assert key.id in told
    assert f"export AWS_SECRET_ACCESS_KEY={secret}" in re.sub(r"<[^>]*>", "", told)
    for address in [url("list"), url("detail", key.id), url("delete", key.id)]:
        told = page(colleague.get(address))
        assert key.id in told
        assert secret not in told


def test_the_page_with_the_secret_is_not_kept_by_browsers(colleague):
    assert "no-store" in colleague.post(url("create"))["Cache-Control"]


def test_only_administrators_make_keys_for_others(owner, operator):
    assert 'name="user"' in page(owner.get(url("create")))
    page(owner.post(url("create"), {"user": "operator"}))
    assert AccessKey.objects.get().user.username == "operator"
    assert 'name="user"' not in page(operator.get(url("create")))
    page(operator.post(url("create"), {"user": "owner"}))
    assert {key.user.username for key in AccessKey.objects.all()} == {"operator"}


def test_others_keys_are_seen_by_administrators_alone(owner, colleague, operator, owners_key, colleagues_key):
    told = page(owner.get(url("list")))
    assert owners_key.id in told
    assert colleagues_key.id in told
    told = page(colleague.get(url("list")))
    assert owners_key.id not in told
    assert colleagues_key.id in told
    for client in (colleague, operator):
        assert client.get(url("detail", owners_key.id)).status_code == 404
        assert client.post(url("switch", owners_key.id), {"active": "no"}).status_code == 404
        assert client.post(url("delete", owners_key.id), {"confirmation": owners_key.id}).status_code == 404
    owners_key.refresh_from_db()
    assert owners_key.is_active


def test_a_key_is_deactivated_activated_and_deleted(colleague, colleagues_key):
    for active, is_active in (("no", False), ("yes", True)):
        colleague.post(url("switch", colleagues_key.id), {"active": active})
        assert AccessKey.objects.get().is_active is is_active
    colleague.post(url("delete", colleagues_key.id), {"confirmation": "other"})
    assert AccessKey.objects.exists()
    colleague.post(url("delete", colleagues_key.id), {"confirmation": colleagues_key.id})
    assert not AccessKey.objects.exists()
    actions = AuditEntry.objects.filter(actor="colleague").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["access_keys.deactivate", "access_keys.activate", "access_keys.delete"]


def test_a_third_key_is_refused_with_the_remedy(colleague, colleagues_key, actor):
    access_keys.create(actor, "colleague")
    assert "delete one first" in page(colleague.post(url("create")))
    assert AccessKey.objects.count() == 2


def test_secrets_are_sealed_where_they_are_kept(colleagues_key):
    secret = access_keys.secret_of(colleagues_key)
    assert secret is not None
    assert secret.encode() not in bytes(colleagues_key.sealed_secret)


def test_keys_of_a_deactivated_person_sign_nothing(colleagues_key):
    assert access_keys.find_active(colleagues_key.id)
    User.objects.update(is_active=False)
    assert access_keys.find_active(colleagues_key.id) is None


def test_the_list_takes_a_constant_number_of_queries(owner, actor, django_assert_max_num_queries):
    for number in range(10):
        User.objects.create_user(f"person-{number}", password="x" * 12)
        access_keys.create(actor, f"person-{number}")
    with django_assert_max_num_queries(8):
        page(owner.get(url("list")))


def test_navigation_leads_there(colleague):
    assert f'href="{url("list")}"' in page(colleague.get(reverse("dashboard")))


def test_django_admin_shows_keys_and_changes_none(owner, owners_key):
    told = page(owner.get(reverse("admin:api_accesskey_changelist")))
    assert owners_key.id in told
    address = reverse("admin:api_accesskey_change", args=[owners_key.pk])
    assert "_save" not in page(owner.get(address))
    assert owner.post(address, {"status": "Inactive"}).status_code == 403
    assert owner.get(reverse("admin:api_accesskey_add")).status_code == 403
    page(owner.get(reverse("admin:api_answered_changelist")))
