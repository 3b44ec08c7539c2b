"""The verbs of address lists and of their members."""

import contextlib

import pytest
from django.db import transaction

from access.models import AuditEntry
from addresslists.indexes import Indexes
from addresslists.logic.lookup import UnreadableListError
from addresslists.models import AddressList, Member, MemberChange
from addresslists.reading import find_member, get, matching_members, member_pages, members_of, read_states
from addresslists.services import lists, members
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded
from policies import services as policies
from resources.models import Reference
from resources.services import configuration_version, tags_of
from rulesets import services as rulesets
from tests.policies.documents import deny, in_list
from tests.rulesets.documents import DROP, rule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_directory(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def blocked(actor):
    return lists.create(actor, name="blocked", members=["a@example.com", "B@example.com", "b@example.com"])


def says(address_list, address, indexes=None):
    indexes = indexes or Indexes()
    indexes.refresh(read_states([address_list.id]))
    return indexes.contains(address_list.id, address)


def test_a_list_is_made_with_members_tags_and_audit(actor, blocked):
    assert blocked.id.startswith("al-")
    assert blocked.arn.endswith(f":mailmanager-address-list/{blocked.id}")
    assert blocked.member_count == 2
    assert list(members_of(blocked.id).values_list("address", flat=True)) == [
        "a@example.com",
        "b@example.com",
    ]
    assert tags_of(lists.create(actor, name="tagged", tags={"team": "mail"}).arn) == {"team": "mail"}
    assert AuditEntry.objects.filter(action="addresslists.create", resource_arn=blocked.arn).count() == 1


def test_what_is_wrong_with_a_new_list_is_named_by_its_path(actor, blocked):
    with pytest.raises(Invalid) as refused:
        lists.create(actor, name="two words", members=["a@example.com", "nobody", "*.com"])
    assert [problem.path for problem in refused.value.problems] == ["name", "members[1]", "members[2]"]
    with pytest.raises(Conflict, match="already") as taken:
        lists.create(actor, name="blocked")
    assert taken.value.path == "name"
    assert AddressList.objects.count() == 1


def test_quotas_are_settings(actor, blocked, settings):
    settings.MAX_ADDRESS_LISTS = 1
    with pytest.raises(QuotaExceeded, match="MAILMANAGER_MAX_ADDRESS_LISTS"):
        lists.create(actor, name="more")
    settings.MAX_LIST_MEMBERS = 2
    with pytest.raises(QuotaExceeded, match="MAILMANAGER_MAX_LIST_MEMBERS"):
        members.register(actor, blocked.id, "c@example.com")
    with pytest.raises(QuotaExceeded, match="MAILMANAGER_MAX_LIST_MEMBERS"):
        members.import_members(actor, blocked.id, ["c@example.com"])
    assert get(blocked.id).member_count == Member.objects.count() == 2


def test_viewers_change_nothing(viewer, blocked):
    for verb in (
        lambda: lists.create(viewer, name="mine"),
        lambda: members.register_many(viewer, blocked.id, ["c@example.com"]),
        lambda: lists.delete(viewer, blocked.id),
        lambda: members.register(viewer, blocked.id, "c@example.com"),
        lambda: members.deregister(viewer, blocked.id, "a@example.com"),
        lambda: members.import_members(viewer, blocked.id, ["c@example.com"]),
    ):
        with pytest.raises(Forbidden):
            verb()
    assert get(blocked.id).member_count == 2


def test_members_come_and_go_and_hold_at_the_next_look(actor, blocked):
    held = Indexes()
    assert says(blocked, "a@example.com", held)
    assert not says(blocked, "c@example.com", held)
    members.register(actor, blocked.arn, "C@Example.com")
    members.deregister(actor, blocked.id, "A@example.com")
    members.register(actor, blocked.id, "xyz*@example.org")
    assert says(blocked, "c@example.com", held)
    assert not says(blocked, "a@example.com", held)
    assert says(blocked, "xyz1@example.org", held)
    assert get(blocked.id).member_count == 3
    members.register(actor, blocked.id, "a@example.com")
    assert says(blocked, "a@example.com", held)
    assert says(blocked, "a@example.com")  # and for who reads all of it anew


def test_a_member_is_there_once_and_only_what_is_there_goes(actor, blocked):
    with pytest.raises(Conflict, match="already"):
        members.register(actor, blocked.id, "A@EXAMPLE.com")
    with pytest.raises(NotFound, match="not in the list"):
        members.deregister(actor, blocked.id, "c@example.com")
    with pytest.raises(Invalid, match="address"):
        members.register(actor, blocked.id, "nobody")
    for unknown in ("al-nothing", blocked.arn.replace("us-east-1", "eu-west-1")):
        with pytest.raises(NotFound):
            get(unknown)
    with pytest.raises(NotFound):
        members.register(actor, "al-nothing", "a@example.com")
    assert MemberChange.objects.count() == 0
    assert get(blocked.id).version == blocked.version


def test_several_are_added_all_or_none(actor, blocked):
    assert members.register_many(actor, blocked.id, ["c@example.com", "C@example.com", "a@example.com"]) == 1
    with pytest.raises(Invalid) as refused:
        members.register_many(actor, blocked.id, ["d@example.com", "nobody"])
    assert [problem.path for problem in refused.value.problems] == ["addresses[1]"]
    with pytest.raises(Invalid, match="at once"):
        members.register_many(actor, blocked.id, ["d@example.com"] * (members.MAX_AT_ONCE + 1))
    assert get(blocked.id).member_count == Member.objects.count() == 3
    assert says(blocked, "c@example.com")


def test_members_are_found_by_the_beginning_of_their_address(actor, blocked):
    members.register(actor, blocked.id, "a%b@example.com")
    found = members_of(blocked.id, prefix="A").values_list("address", flat=True)
    assert list(found) == ["a%b@example.com", "a@example.com"]
    assert not members_of(blocked.id, prefix="a_").exists()
    assert find_member(blocked.id, " A@example.com").address == "a@example.com"
    with pytest.raises(NotFound):
        find_member(blocked.id, "z@example.com")
    members.register(actor, blocked.id, "*@example.com")
    assert matching_members(blocked.id, "A@example.com") == ["a@example.com", "*@example.com"]


def test_many_are_imported_and_counted(actor, blocked, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(members, "BATCH", 100)
    lines = [f"User{number}@example.com\n" for number in range(250)]
    with django_capture_on_commit_callbacks(execute=True):
        imported = members.import_members(actor, blocked.id, [*lines, "nobody", "a@example.com", lines[0]])
    assert (imported.added, imported.present, imported.refused) == (250, 2, 1)
    assert get(blocked.id).member_count == Member.objects.count() == 252
    assert says(blocked, "user249@example.com")
    monkeypatch.setattr("addresslists.reading._PAGE", 100)
    assert [len(page) for page in member_pages(blocked.id)] == [100, 100, 52]


def test_an_import_makes_the_index_that_others_find(
    actor, blocked, tmp_path, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        members.import_members(actor, blocked.id, ["c@example.com"])
    (made,) = (tmp_path / "addresslists").glob("*.index")
    written_at = made.stat().st_mtime_ns
    assert says(blocked, "c@example.com")
    assert made.stat().st_mtime_ns == written_at
    assert made.stat().st_mode & 0o777 == 0o600


def test_many_are_removed(actor, blocked, monkeypatch, django_capture_on_commit_callbacks):
    held = Indexes()
    assert says(blocked, "a@example.com", held)
    monkeypatch.setattr(members, "BATCH_REMOVED", 2)
    with django_capture_on_commit_callbacks(execute=True):
        gone = members.remove_many(actor, blocked.id, ["a@example.com", "x@example.com", "b@example.com"])
    assert (gone, get(blocked.id).member_count) == (2, 0)
    assert not says(blocked, "a@example.com", held)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_index(actor, blocked, tmp_path):
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        members.import_members(actor, blocked.id, ["c@example.com"])
        raise ZeroDivisionError
    assert not list((tmp_path / "addresslists").glob("*.index"))
    members.import_members(actor, blocked.id, ["d@example.com"])
    assert says(blocked, "d@example.com")
    assert not says(blocked, "c@example.com")


def test_what_changes_while_an_index_is_made_is_not_lost(actor, blocked, monkeypatch):
    def build_and_change(list_id, base):
        build(list_id, base)
        members.register(actor, list_id, "late@example.com")
        members.deregister(actor, list_id, "a@example.com")

    build = members.indexes.build_index
    monkeypatch.setattr(members.indexes, "build_index", build_and_change)
    members.publish(blocked.id)
    held = Indexes()
    assert says(blocked, "late@example.com", held)
    assert not says(blocked, "a@example.com", held)
    assert MemberChange.objects.count() == 2


def test_many_single_changes_become_a_new_index(
    actor, blocked, monkeypatch, django_capture_on_commit_callbacks
):
    asked: list[str] = []
    monkeypatch.setattr(members, "MAX_CHANGES", 3)
    monkeypatch.setattr(members.tasks.publish, "delay", asked.append)
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(4):
            members.register(actor, blocked.id, f"c{number}@example.com")
    assert asked == [blocked.id]
    members.tasks.publish(blocked.id)
    assert MemberChange.objects.count() == 0
    assert says(blocked, "c3@example.com")
    members.tasks.publish("al-nothing")  # deleted meanwhile


def test_only_a_list_in_use_concerns_the_ingress(actor, blocked):
    before = configuration_version()
    members.register(actor, blocked.id, "c@example.com")
    assert configuration_version() == before
    policies.create(actor, name="inbound", default_action="ALLOW", statements=[deny(in_list(blocked.arn))])
    before = configuration_version()
    members.register(actor, blocked.id, "d@example.com")
    assert configuration_version() == before + 1


# --- used by --------------------------------------------------------------------------------------


def test_a_list_that_policies_and_rules_name_stays(actor, blocked):
    policy = policies.create(
        actor, name="inbound", default_action="ALLOW", statements=[deny(in_list(blocked.id))]
    )
    asked = in_list(blocked.arn, attribute="FROM")
    rule_set = rulesets.create(actor, name="sorted", rules=[rule(DROP, unless=asked)])
    with pytest.raises(Conflict, match="inbound, sorted"):
        lists.delete(actor, blocked.id)
    policies.update(actor, policy.id, statements=[])
    rulesets.delete(actor, rule_set.id)
    assert not Reference.objects.filter(target_arn=blocked.arn).exists()
    lists.delete(actor, blocked.id)
    assert not Member.objects.exists()
    with pytest.raises(Invalid, match="There is no address list"):
        policies.restore_version(actor, policy.id, 1)


@pytest.mark.parametrize(
    "name", ["al-nothing", "arn:aws:ses:us-east-1:123456789012:mailmanager-rule-set/al-1"]
)
def test_a_list_that_is_named_must_be_there(actor, name):
    with pytest.raises(Invalid) as refused:
        policies.create(actor, name="inbound", default_action="ALLOW", statements=[deny(in_list(name))])
    (problem,) = refused.value.problems
    assert problem.path.startswith("PolicyStatements[0].Conditions[0].BooleanExpression")
    with pytest.raises(Invalid) as refused:
        rulesets.create(actor, name="sorted", rules=[rule(DROP, when=in_list(name, attribute="TO"))])
    (problem,) = refused.value.problems
    assert problem.path.startswith("Rules[0].Conditions[0].BooleanExpression")


def test_a_list_is_deleted_with_its_index(actor, blocked, tmp_path, django_capture_on_commit_callbacks):
    assert says(blocked, "a@example.com")
    assert list((tmp_path / "addresslists").glob("*.index"))
    with django_capture_on_commit_callbacks(execute=True):
        lists.delete(actor, blocked.id)
    assert not list((tmp_path / "addresslists").glob("*.index"))
    with pytest.raises(NotFound):
        lists.delete(actor, blocked.id)


# --- indexes --------------------------------------------------------------------------------------


def test_a_damaged_index_is_made_again(blocked, tmp_path):
    assert says(blocked, "a@example.com")
    (path,) = (tmp_path / "addresslists").glob("*.index")
    for content in (b"", b"nonsense", path.read_bytes()[:-1]):
        path.write_bytes(content)
        assert says(blocked, "a@example.com")


def test_a_list_that_can_not_be_read_is_told_apart_and_others_go_on(actor, blocked, monkeypatch):
    other = lists.create(actor, name="other", members=["o@example.com"])
    held = Indexes()
    held.refresh(read_states([other.id]))
    with monkeypatch.context() as patched:
        patched.setattr("addresslists.indexes.read_index", lambda content: 1 / 0)
        members.register(actor, other.id, "p@example.com")  # needs no file
        held.refresh(read_states([blocked.id, other.id]))
        assert not held.is_complete
        assert held.contains(other.id, "p@example.com")
        with pytest.raises(UnreadableListError):
            held.contains(blocked.id, "a@example.com")
        members.publish(other.id)
        held.refresh(read_states([other.id]))
        assert held.contains(other.id, "p@example.com")  # by the index that it had
        assert not held.is_complete
    held.refresh(read_states([blocked.id, other.id]))
    assert held.is_complete
    assert held.contains(blocked.id, "a@example.com")


def test_states_of_any_number_of_lists_are_two_queries(actor, blocked, django_assert_num_queries):
    several = [lists.create(actor, name=f"list{number}", members=["a@example.com"]).id for number in range(5)]
    members.register(actor, several[0], "b@example.com")
    with django_assert_num_queries(2):
        states = read_states(several)
    assert states[several[0]].changes == (("b@example.com", True),)
    assert len(states) == 5
    with django_assert_num_queries(0):
        assert read_states([]) == {}
    assert read_states(["al-nothing"]) == {}


def test_members_are_compared_byte_by_byte_in_every_database(blocked):
    addresses = ["a-b@example.com", "a.b@example.com", "ab@example.com", "a_b@example.com"]
    members.insert(blocked.id, addresses)
    stored = list(members_of(blocked.id, prefix="a").values_list("address", flat=True))
    assert stored == sorted([*addresses, "a@example.com"])
