"""What the verbs of rule sets do, refuse and leave behind."""

import pytest

from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded
from destinations.services import create_bucket, create_mailbox, ensure_local_role
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from relays import services as relay_services
from resources.models import DocumentVersion, Reference, Tag
from resources.services import configuration_version, tags_of, users_of
from rulesets import services
from rulesets.logic.warnings import Doubt
from rulesets.models import RuleSet
from tests.rulesets.documents import DROP, bucket, mailbox, relay, rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def smarthost(actor):
    return relay_services.create(actor, name="smarthost", server_name="mx.example", server_port=25)


@pytest.fixture
def stored(actor):
    return services.create(actor, name="inbound", rules=[rule(DROP)], tags={"team": "mail"})


def versions(rule_set):
    rows = DocumentVersion.objects.filter(resource_arn=rule_set.arn).order_by("number")
    return list(rows.values_list("number", "document"))


def use(rule_set, name="reception"):
    policy = TrafficPolicy.objects.create(name=f"policy-of-{name}", default_action="ALLOW")
    return IngressEndpoint.objects.create(
        name=name, type="OPEN", tls_policy="OPTIONAL", traffic_policy=policy, rule_set=rule_set
    )


# --- create -------------------------------------------------------------------------------------


def test_created_rule_set_has_id_version_references_tags_audit_and_reaches_the_worker(actor, smarthost):
    before = configuration_version()
    those = (rule(relay(smarthost.id)), rule(relay(smarthost.arn)))
    made = services.create(actor, name="inbound", rules=those, tags={"a": "b"})
    kept = RuleSet.objects.get()
    assert kept.id == made.id
    assert kept.id.startswith("rs-")
    assert kept.rules == list(those)
    assert versions(made) == [(1, {"Rules": list(those)})]
    assert [user.source_name for user in users_of(smarthost.arn)] == ["inbound"]
    assert tags_of(made.arn) == {"a": "b"}
    assert AuditEntry.objects.get(action="rulesets.create").detail == {"name": "inbound"}
    assert configuration_version() == before + 1


@pytest.mark.parametrize("name", ["", "a" * 101, "two words", "naïve", "a\n", None, 7])
def test_name_out_of_the_set_is_refused(actor, name):
    with pytest.raises(Invalid) as refused:
        services.create(actor, name=name)
    assert [problem.path for problem in refused.value.problems] == ["name"]


def test_taken_name_conflicts_beside_the_name(actor, stored):
    with pytest.raises(Conflict) as refused:
        services.create(actor, name="inbound")
    assert refused.value.path == "name"
    assert RuleSet.objects.count() == 1


def test_all_problems_are_told_at_once_and_nothing_is_left(actor):
    with pytest.raises(Invalid) as refused:
        services.create(actor, name="", rules=[rule(), {"Actions": [{"Archive": {"TargetArchive": "a"}}]}])
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["name", "Rules[0].Actions", "Rules[1].Actions[0].Archive"]
    assert not RuleSet.objects.exists()
    assert not DocumentVersion.objects.exists()


def test_a_relay_that_is_not_there_is_refused_by_its_path(actor, smarthost):
    those = [rule(relay(smarthost.id)), rule(DROP, relay("r-nowhere")), rule(relay(f"{smarthost.arn}x"))]
    with pytest.raises(Invalid) as refused:
        services.create(actor, name="inbound", rules=those)
    assert [problem.path for problem in refused.value.problems] == [
        "Rules[1].Actions[1].Relay.Relay",
        "Rules[2].Actions[0].Relay.Relay",
    ]


def test_one_rule_set_too_many_is_refused(actor, stored, settings):
    settings.MAX_RULE_SETS = 1
    with pytest.raises(QuotaExceeded, match="MAILMANAGER_MAX_RULE_SETS"):
        services.create(actor, name="another")


def test_one_rule_too_many_is_refused(actor, settings):
    settings.MAX_RULES = 1
    with pytest.raises(Invalid, match="at most 1"):
        services.create(actor, name="inbound", rules=[rule(DROP), rule(DROP)])


@pytest.mark.parametrize("rules", [None, "text", 7, {"Rules": []}, [None]], ids=repr)
def test_rules_that_are_no_list_of_rules_are_refused(actor, rules):
    with pytest.raises(Invalid, match="Rules"):
        services.create(actor, name="inbound", rules=rules)


def test_a_viewer_may_change_nothing(viewer, stored):
    for verb in (
        lambda: services.create(viewer, name="another"),
        lambda: services.update(viewer, stored.id, rules=[]),
        lambda: services.restore_version(viewer, stored.id, 1),
        lambda: services.delete(viewer, stored.id),
    ):
        with pytest.raises(Forbidden):
            verb()
    assert RuleSet.objects.get().rules == [rule(DROP)]


# --- update -------------------------------------------------------------------------------------


def test_changed_rules_are_a_new_version(actor, stored, smarthost):
    before = configuration_version()
    services.update(actor, stored.arn, rules=[rule(relay(smarthost.id))])
    assert [number for number, _document in versions(stored)] == [1, 2]
    assert users_of(smarthost.arn)
    assert configuration_version() == before + 1
    services.update(actor, stored.id, rules=[])
    assert not users_of(smarthost.arn)


def test_a_new_name_is_no_new_version_and_follows_into_references(actor, smarthost):
    made = services.create(actor, name="inbound", rules=[rule(relay(smarthost.id))])
    services.update(actor, made.id, name="outbound")
    assert len(versions(made)) == 1
    assert [user.source_name for user in users_of(smarthost.arn)] == ["outbound"]


def test_nothing_changed_is_nothing_written(actor, stored):
    before = configuration_version(), AuditEntry.objects.count()
    services.update(actor, stored.id, name="inbound", rules=[rule(DROP)])
    assert (configuration_version(), AuditEntry.objects.count()) == before


def test_a_refused_update_changes_nothing(actor, stored):
    with pytest.raises(Invalid):
        services.update(actor, stored.id, name="outbound", rules=[rule()])
    kept = RuleSet.objects.get()
    assert (kept.name, kept.rules) == ("inbound", [rule(DROP)])


def test_a_taken_name_is_refused_at_update(actor, stored):
    other = services.create(actor, name="outbound")
    with pytest.raises(Conflict):
        services.update(actor, other.id, name="inbound")


def test_tags_are_replaced(actor, stored):
    services.update(actor, stored.id, tags={"a": "b"})
    assert tags_of(stored.arn) == {"a": "b"}


@pytest.mark.parametrize("verb", [services.update, services.delete, services.get])
def test_an_unknown_rule_set_is_not_found(actor, verb):
    arguments = ("rs-nowhere",) if verb is services.get else (actor, "rs-nowhere")
    with pytest.raises(NotFound, match="rs-nowhere"):
        verb(*arguments)


# --- versions -----------------------------------------------------------------------------------


def test_a_version_is_restored_as_a_new_one(actor, stored):
    services.update(actor, stored.id, rules=[])
    services.restore_version(actor, stored.id, 1)
    assert [document["Rules"] for _number, document in versions(stored)] == [[rule(DROP)], [], [rule(DROP)]]
    assert AuditEntry.objects.filter(action="rulesets.restore_version").exists()


def test_a_version_that_names_a_relay_that_is_gone_is_not_restored(actor, smarthost):
    made = services.create(actor, name="inbound", rules=[rule(relay(smarthost.id))])
    services.update(actor, made.id, rules=[])
    relay_services.delete(actor, smarthost.id)
    with pytest.raises(Invalid, match=smarthost.id):
        services.restore_version(actor, made.id, 1)
    assert RuleSet.objects.get().rules == []


def test_an_unknown_version_is_not_found(actor, stored):
    with pytest.raises(NotFound, match="9"):
        services.restore_version(actor, stored.id, 9)


# --- delete -------------------------------------------------------------------------------------


def test_deleted_rule_set_leaves_nothing_but_the_audit_entry(actor, smarthost):
    made = services.create(actor, name="inbound", rules=[rule(relay(smarthost.id))], tags={"a": "b"})
    services.delete(actor, made.id)
    for model in (RuleSet, DocumentVersion, Tag, Reference):
        assert not model.objects.exists()
    assert AuditEntry.objects.filter(action="rulesets.delete", resource_arn=made.arn).exists()
    relay_services.delete(actor, smarthost.id)


def test_a_rule_set_in_use_stays_and_the_users_are_named(actor, stored):
    use(stored)
    with pytest.raises(Conflict, match="reception"):
        services.delete(actor, stored.id)
    assert RuleSet.objects.exists()


def test_a_relay_that_a_rule_names_stays(actor, smarthost):
    services.create(actor, name="inbound", rules=[rule(relay(smarthost.id))])
    with pytest.raises(Conflict, match="inbound"):
        relay_services.delete(actor, smarthost.id)


# --- doubts -------------------------------------------------------------------------------------


def test_names_that_are_not_there_are_warned_of_and_saved(actor):
    made = services.create(actor, name="inbound", rules=[rule(mailbox(), bucket())])
    assert {warning.doubt for warning in services.doubts_of(made.rules)} == {
        Doubt.UNKNOWN_MAILBOX,
        Doubt.UNKNOWN_BUCKET,
        Doubt.UNKNOWN_ROLE,
    }


def test_names_that_are_there_are_fine(actor):
    role = ensure_local_role()
    staff = create_mailbox(actor, name="staff")
    create_bucket(actor, name="mail")
    those = [rule(mailbox(), mailbox(staff.arn), bucket(RoleArn=role.arn))]
    assert services.doubts_of(those) == []


def test_what_saving_would_refuse_can_be_asked_before(actor):
    assert [problem.path for problem in services.check([rule(relay("r-nowhere"))])] == [
        "Rules[0].Actions[0].Relay.Relay"
    ]
    assert services.check([rule(DROP)]) == []
