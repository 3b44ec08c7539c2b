"""Address lists in Django admin: looked up and deleted, never changed past the services."""

import pytest
from django.test import Client

from access.models import AuditEntry, User
from addresslists.models import AddressList, Member
from addresslists.services import imports, lists, members
from policies import services as policies
from tests.policies.documents import deny, in_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    client = Client()
    client.force_login(User.objects.create_superuser("root", role="administrator"))
    return client


@pytest.fixture
def stored(actor, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    made = lists.create(actor, name="blocked", members=["ann@example.com"])
    members.register(actor, made.id, "bob@example.com")
    job = imports.create(actor, made.id, name="may", kind="CSV")
    imports.store(job.id, [b"address\n"])
    return made


@pytest.mark.parametrize(
    "model", ["addresslist", "member", "memberchange", "importjob", "importchunk", "refusedentry"]
)
def test_admin_lists_and_finds_all_of_it(admin, stored, model):
    address = f"/admin/addresslists/{model}/"
    for query in ({}, {"q": "b"}, {"q": "none"}):
        assert admin.get(address, query).status_code == 200
    assert admin.get(f"{address}add/").status_code == 403


def test_admin_deletes_what_nothing_uses(admin, actor, stored):
    policy = policies.create(
        actor, name="inbound", default_action="ALLOW", statements=[deny(in_list(stored.arn))]
    )
    address = f"/admin/addresslists/addresslist/{stored.id}/delete/"
    assert "inbound" in admin.get(address).content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [stored.id], "post": "yes"}
    admin.post("/admin/addresslists/addresslist/", chosen)
    assert AddressList.objects.exists()
    policies.delete(actor, policy.id)
    assert admin.post(address, {"post": "yes"}).status_code == 302
    assert not Member.objects.exists()
    assert AuditEntry.objects.filter(action="addresslists.delete", actor="root").count() == 1
