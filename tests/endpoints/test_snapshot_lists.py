"""Address lists that policies ask: held by the ingress, followed as they change."""

import asyncio
import json
from ipaddress import ip_address

import pytest
from django.db import connections

from addresslists.services import lists, members
from endpoints.logic.assembly import lists_in
from endpoints.models import EndpointAddress, IngressEndpoint
from endpoints.snapshot import COPY_NAME, SnapshotSource, build_snapshot, read_document
from policies import services as policies
from tests.endpoints.test_snapshot import Followed, in_thread, with_database_away
from tests.policies.documents import deny, in_list

CLIENT = ip_address("192.0.2.1")
ADDRESS = "127.64.0.1"


@pytest.fixture
def blocked(actor, settings, tmp_path, db):
    settings.DATA_DIR = tmp_path
    return lists.create(actor, name="blocked", members=["a@example.com"])


@pytest.fixture
def served(actor, make_endpoint, blocked):
    """An endpoint whose policy denies the members of the list."""
    policy = policies.create(
        actor, name="inbound", default_action="ALLOW", statements=[deny(in_list(blocked.arn))]
    )
    endpoint = make_endpoint("inbound", traffic_policy_id=policy.id)
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status="ACTIVE", wished_status="ACTIVE")
    EndpointAddress.objects.create(address=ADDRESS, endpoint=endpoint)
    return endpoint


def verdict(snapshot, recipient):
    return snapshot.by_address[ADDRESS].policy.decide(recipient, CLIENT, None).verdict.value


@pytest.mark.django_db
def test_lists_that_policies_ask_are_in_the_document_and_no_others(actor, served, blocked):
    lists.create(actor, name="unused", members=["b@example.com"])
    members.register(actor, blocked.id, "c@example.com")
    state = {"base": [1, blocked.base_key], "changes": [["c@example.com", True]]}
    assert read_document()["lists"] == {blocked.id: state}
    snapshot = build_snapshot()
    assert verdict(snapshot, "A@example.com") == "DENY"
    assert verdict(snapshot, "c@example.com") == "DENY"
    assert verdict(snapshot, "b@example.com") == "ALLOW"


def test_lists_are_found_by_id_in_the_texts_of_statements():
    assert lists_in(['["al-1a", "arn:aws:ses:x:1:mailmanager-address-list/al-2b"]', "real-1c"]) == {
        "al-1a",
        "al-2b",
    }


@pytest.mark.django_db(transaction=True)
def test_a_source_follows_members_one_by_one_and_by_the_thousand(actor, served, blocked):
    def one():
        members.register(actor, blocked.id, "one@example.com")
        members.deregister(actor, blocked.id, "a@example.com")

    def thousand():
        members.import_members(actor, blocked.id, (f"user{number}@example.com" for number in range(1000)))

    async def until(followed, recipient, wanted):
        async with asyncio.timeout(20):
            while verdict(followed.source.current, recipient) != wanted:
                await followed.next()

    async def scenario():
        followed = Followed()
        await followed.source.start()
        try:
            assert verdict(await followed.next(), "a@example.com") == "DENY"
            await in_thread(one)
            await until(followed, "a@example.com", "ALLOW")
            assert verdict(followed.source.current, "one@example.com") == "DENY"
            await in_thread(thousand)
            await until(followed, "user999@example.com", "DENY")
            assert verdict(followed.source.current, "one@example.com") == "DENY"
        finally:
            await followed.source.close()

    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_with_the_database_away_lists_are_read_from_their_files(
    actor, served, blocked, settings, monkeypatch
):
    members.register(actor, blocked.id, "c@example.com")

    async def once():
        source = SnapshotSource()
        await source.start()
        current = source.current
        await source.close()
        return current

    assert verdict(asyncio.run(once()), "c@example.com") == "DENY"
    assert json.loads((settings.DATA_DIR / COPY_NAME).read_text())["lists"]
    with monkeypatch.context() as patched:
        with_database_away(patched)
        started = asyncio.run(once())
        assert [verdict(started, f"{name}@example.com") for name in "acd"] == ["DENY", "DENY", "ALLOW"]
        for path in (settings.DATA_DIR / "addresslists").glob("*.index"):
            path.unlink()
        assert verdict(asyncio.run(once()), "a@example.com") == "UNKNOWN"
    connections.close_all()
    assert verdict(asyncio.run(once()), "a@example.com") == "DENY"


@pytest.mark.django_db(transaction=True)
def test_a_list_that_could_not_be_read_is_tried_again(served, blocked, monkeypatch):
    def fails_once(content):
        monkeypatch.undo()
        raise OSError("no memory")

    monkeypatch.setattr("addresslists.indexes.read_index", fails_once)

    async def scenario():
        followed = Followed()
        await followed.source.start()
        try:
            assert verdict(followed.source.current, "a@example.com") == "UNKNOWN"
            async with asyncio.timeout(20):
                # Nothing tells of it: the thread that read the list has no other news.
                while verdict(followed.source.current, "a@example.com") != "DENY":  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        finally:
            await followed.source.close()

    asyncio.run(scenario())
