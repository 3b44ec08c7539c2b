"""What the ingress is given: built from the database, followed, kept on disk."""

import asyncio
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.db import connections
from django.utils import timezone

from endpoints import snapshot_file
from endpoints.credentials import credentials_of
from endpoints.logic.assembly import Assembler
from endpoints.models import EndpointAddress, IngressEndpoint
from endpoints.snapshot import COPY_NAME, SnapshotSource, build_snapshot, read_document
from policies.models import TrafficPolicy
from resources.services import bump_configuration, configuration_version
from secrets_store.password_hashes import hash_password, verify_password
from tests.endpoints.conftest import PASSWORD

CLIENT = ip_address("192.0.2.1")


@pytest.fixture
def served(make_endpoint):
    """`served("127.64.0.1", name=…, status=…)`: an endpoint that has its address."""

    def serve(*addresses, status="ACTIVE", wished="ACTIVE", **fields):
        endpoint = make_endpoint(fields.pop("name", "inbound"), **fields)
        IngressEndpoint.objects.filter(pk=endpoint.pk).update(
            status=status, wished_status=wished, record_label=f"{endpoint.id[-12:]}.abcde"
        )
        for address in addresses:
            EndpointAddress.objects.create(address=address, endpoint=endpoint)
        endpoint.refresh_from_db()
        return endpoint

    return serve


@pytest.mark.django_db
def test_a_snapshot_has_what_a_session_needs(served, policy, rule_set):
    endpoint = served("2001:db8::9", "127.64.0.1", type="AUTH")
    snapshot = build_snapshot()
    assert snapshot.version == configuration_version()
    assert set(snapshot.by_address) == {"127.64.0.1", "2001:db8::9"}
    entry = snapshot.by_address["127.64.0.1"]
    assert entry is snapshot.by_address["2001:db8::9"]
    assert (entry.id, entry.name, entry.type) == (endpoint.id, "inbound", "AUTH")
    assert entry.host_name == endpoint.a_record
    assert entry.host_name.endswith(".abcde.mail-manager-smtp.mailmanager.test")
    assert entry.addresses == ("127.64.0.1", "2001:db8::9")
    assert entry.is_tls_required
    assert entry.is_open_for_mail
    assert not entry.is_probed
    assert (entry.policy_id, entry.rule_set_id) == (policy.id, rule_set.id)
    assert entry.policy.decide("a@b.example", CLIENT, None).verdict == "ALLOW"
    (credential,) = entry.credentials
    assert verify_password(credential.password_hash, PASSWORD)
    assert credential.expires_at is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "wished", "seen"),
    [
        ("ACTIVE", "ACTIVE", (True, False)),
        ("CLOSED", "CLOSED", (False, False)),
        ("UPDATING", "ACTIVE", (True, False)),
        ("UPDATING", "CLOSED", (False, False)),
        ("PROVISIONING", "PROVISIONING", (False, True)),
        ("PROVISIONING", "ACTIVE", (True, False)),
        ("FAILED", "PROVISIONING", None),
        ("DEPROVISIONING", "ACTIVE", None),
    ],
)
def test_states_decide_who_is_served(served, status, wished, seen):
    served("127.64.0.1", status=status, wished=wished)
    entry = build_snapshot().by_address.get("127.64.0.1")
    assert (entry and (entry.is_open_for_mail, entry.is_probed)) == seen


@pytest.mark.django_db
def test_the_former_password_is_in_it_until_it_expires(served):
    endpoint = served("127.64.0.1", type="AUTH")
    expires_at = timezone.now() + timedelta(days=1)
    row = IngressEndpoint.objects.filter(pk=endpoint.pk)
    row.update(previous_password_hash=hash_password("the-former"), previous_password_expires_at=expires_at)
    _, former = build_snapshot().by_address["127.64.0.1"].credentials
    assert verify_password(former.password_hash, "the-former")
    assert former.expires_at == expires_at
    row.update(previous_password_expires_at=timezone.now() - timedelta(seconds=1))
    assert len(build_snapshot().by_address["127.64.0.1"].credentials) == 1


@pytest.mark.django_db
def test_an_open_endpoint_has_no_credentials(served):
    served("127.64.0.1")
    assert build_snapshot().by_address["127.64.0.1"].credentials == ()


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow(served, django_assert_num_queries):
    for number in range(20):
        policy = TrafficPolicy.objects.create(name=f"policy-{number}", default_action="ALLOW")
        served(f"127.64.0.{number + 1}", name=f"endpoint-{number}", traffic_policy_id=policy.id)
    with django_assert_num_queries(4):
        assert len(build_snapshot().by_address) == 20


@pytest.mark.django_db
def test_only_a_changed_policy_is_compiled_again(served):
    denying = TrafficPolicy.objects.create(name="deny", default_action="DENY")
    served("127.64.0.1", name="first")
    served("127.64.0.2", name="second", traffic_policy_id=denying.id)
    assembler = Assembler()
    before = assembler.assemble(read_document()).by_address
    # However it was written: the former's `updated_at` is not even touched.
    TrafficPolicy.objects.filter(pk=denying.pk).update(default_action="ALLOW")
    after = assembler.assemble(read_document()).by_address
    assert after["127.64.0.1"].policy is before["127.64.0.1"].policy
    assert before["127.64.0.2"].policy.decide("a@b.example", CLIENT, None).verdict == "DENY"
    assert after["127.64.0.2"].policy.decide("a@b.example", CLIENT, None).verdict == "ALLOW"


@pytest.mark.django_db
def test_a_policy_that_cannot_be_compiled_closes_its_endpoints_alone(served):
    broken = TrafficPolicy.objects.create(name="bad", default_action="ALLOW", statements=[{"Action": "?"}])
    served("127.64.0.1", name="first")
    served("127.64.0.2", name="second", traffic_policy_id=broken.id)
    assembler = Assembler()
    by_address = assembler.assemble(read_document()).by_address
    assert by_address["127.64.0.1"].is_open_for_mail
    assert not by_address["127.64.0.2"].is_open_for_mail
    assert list(assembler.problems) == [broken.id]


@pytest.mark.django_db
def test_a_policy_that_breaks_stays_as_it_was(served, policy):
    served("127.64.0.1")
    assembler = Assembler()
    before = assembler.assemble(read_document()).by_address["127.64.0.1"]
    TrafficPolicy.objects.filter(pk=policy.pk).update(statements=[{"Action": "?"}])
    after = assembler.assemble(read_document()).by_address["127.64.0.1"]
    assert after.policy is before.policy
    assert after.is_open_for_mail
    assert list(assembler.problems) == [policy.id]


# --- the copy on disk -----------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe"])
def test_a_copy_that_cannot_be_read_is_none(tmp_path, content):
    path = tmp_path / "copy.json"
    assert snapshot_file.read(path) is None
    path.write_bytes(content)
    assert snapshot_file.read(path) is None


def test_a_copy_is_its_owners_alone_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "copy.json"
    snapshot_file.write(path, {"version": 1})
    snapshot_file.write(path, {"version": 2})
    assert snapshot_file.read(path) == {"version": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


# --- following ------------------------------------------------------------------------------------


class Followed:
    """A source whose snapshots are kept."""

    def __init__(self):
        self.seen = []
        self.arrived = asyncio.Event()
        self.source = SnapshotSource(self.change)

    async def change(self, snapshot):
        self.seen.append(snapshot)
        self.arrived.set()

    async def next(self):
        await asyncio.wait_for(self.arrived.wait(), 10)
        self.arrived.clear()
        return self.seen[-1]


async def in_thread(work):
    """A change from another thread, whose connections are closed after it."""

    def run():
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


@pytest.mark.django_db(transaction=True)
def test_what_changes_between_two_queries_is_not_half_seen(served, policy, monkeypatch):
    """Else the endpoint would have a policy that was not read, and be closed."""
    endpoint = served("127.64.0.1")
    other = TrafficPolicy.objects.create(name="other", default_action="DENY", statements=[])

    def change() -> None:
        IngressEndpoint.objects.filter(pk=endpoint.pk).update(traffic_policy=other)
        bump_configuration()
        connections.close_all()

    def credentials_after_a_change(*arguments):
        with ThreadPoolExecutor() as elsewhere:
            elsewhere.submit(change).result()
        return credentials_of(*arguments)

    monkeypatch.setattr("endpoints.snapshot.credentials_of", credentials_after_a_change)
    before = build_snapshot().by_address["127.64.0.1"]
    assert (before.policy_id, before.is_open_for_mail) == (policy.id, True)
    monkeypatch.undo()
    after = build_snapshot().by_address["127.64.0.1"]
    assert (after.policy_id, after.is_open_for_mail) == (other.id, True)


@pytest.mark.django_db(transaction=True)
def test_a_source_follows_changes(served, policy):
    served("127.64.0.1")

    def deny():
        TrafficPolicy.objects.filter(pk=policy.pk).update(default_action="DENY")
        bump_configuration()

    async def scenario():
        followed = Followed()
        await followed.source.start()
        first = await followed.next()
        assert first is followed.source.current
        await in_thread(deny)
        second = await followed.next()
        await followed.source.close()
        return first, second

    first, second = asyncio.run(scenario())
    assert second.version == first.version + 1
    assert first.by_address["127.64.0.1"].policy.decide("a@b.example", CLIENT, None).verdict == "ALLOW"
    assert second.by_address["127.64.0.1"].policy.decide("a@b.example", CLIENT, None).verdict == "DENY"


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_change_arrives_by_polling(served, settings):
    served("127.64.0.1")
    settings.REDIS_URL = f"unix://{settings.DATA_DIR / 'nobody.sock'}"

    async def scenario():
        followed = Followed()
        await followed.source.start()
        first = await followed.next()
        await in_thread(bump_configuration)
        second = await followed.next()
        await followed.source.close()
        return first, second

    first, second = asyncio.run(scenario())
    assert second.version == first.version + 1


@pytest.mark.django_db(transaction=True)
def test_what_was_not_applied_is_tried_again(served):
    served("127.64.0.1")
    tries = []

    async def scenario():
        again = asyncio.Event()

        async def fails_once(snapshot):
            tries.append(snapshot)
            if len(tries) == 1:
                raise OSError("address not available")
            again.set()

        source = SnapshotSource(fails_once)
        await source.start()
        await asyncio.wait_for(again.wait(), 10)
        await source.close()

    asyncio.run(scenario())
    assert tries[0] is tries[1]


@pytest.mark.django_db(transaction=True)
def test_with_the_database_away_the_copy_serves_a_start(served, settings, monkeypatch):
    served("127.64.0.1", type="AUTH")

    async def once():
        source = SnapshotSource()
        await source.start()
        current = source.current
        await source.close()
        return current

    kept = asyncio.run(once())
    copy = settings.DATA_DIR / COPY_NAME
    assert PASSWORD not in copy.read_text()
    assert json.loads(copy.read_text())["version"] == kept.version

    with_database_away(monkeypatch)
    started = asyncio.run(once())
    assert started.version == kept.version
    endpoint = started.by_address["127.64.0.1"]
    assert endpoint.credentials == kept.by_address["127.64.0.1"].credentials
    assert endpoint.policy.decide("a@b.example", CLIENT, None).verdict == "ALLOW"


@pytest.mark.django_db(transaction=True)
def test_with_the_database_away_what_is_held_stays(served, monkeypatch):
    served("127.64.0.1")

    async def scenario():
        followed = Followed()
        await followed.source.start()
        first = await followed.next()
        with monkeypatch.context() as patch:
            with_database_away(patch)
            await asyncio.sleep(1.3)  # longer than a poll
            assert followed.source.current is first
        await in_thread(bump_configuration)
        second = await followed.next()
        await followed.source.close()
        return first, second

    first, second = asyncio.run(scenario())
    assert second.version > first.version


@pytest.mark.django_db(transaction=True)
def test_without_database_and_copy_a_start_is_empty(settings, monkeypatch, tmp_path):
    settings.DATA_DIR = tmp_path
    with_database_away(monkeypatch)

    async def scenario():
        source = SnapshotSource()
        await source.start()
        await source.close()
        return source.current

    assert asyncio.run(scenario()).by_address == {}


def with_database_away(monkeypatch):
    """New connections find no database; those that are open are closed at the next look."""
    for connection in connections.all():
        monkeypatch.setitem(connections.settings[connection.alias], "NAME", "/nonexistent/database")
