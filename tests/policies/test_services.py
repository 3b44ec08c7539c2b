"""What the verbs of traffic policies do, refuse and leave behind."""

import pytest
from django.conf import settings

from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded
from endpoints.models import IngressEndpoint
from policies import services
from policies.models import TrafficPolicy
from resources.models import DocumentVersion, Reference, Tag
from resources.services import configuration_version, set_references, tags_of
from rulesets.models import RuleSet
from tests.policies.documents import deny, ipv4, policy, recipient

pytestmark = pytest.mark.django_db

SPAM_TRAP = deny(recipient("EQUALS", "trap@example.com"))


@pytest.fixture
def stored(actor):
    return services.create(
        actor, name="inbound", default_action="ALLOW", statements=[SPAM_TRAP], tags={"team": "mail"}
    )


def versions(policy):
    return list(
        DocumentVersion.objects.filter(resource_arn=policy.arn)
        .order_by("number")
        .values_list("number", flat=True)
    )


def use(policy, name="reception"):
    rule_set = RuleSet.objects.create(name=f"rules of {name}")
    return IngressEndpoint.objects.create(
        name=name, type="OPEN", tls_policy="OPTIONAL", traffic_policy=policy, rule_set=rule_set
    )


# --- create ---------------------------------------------------------------------------------------


def test_created_policy_has_id_version_tags_audit_and_reaches_the_ingress(actor):
    before = configuration_version()
    made = services.create(
        actor,
        name="inbound",
        default_action="DENY",
        statements=(SPAM_TRAP,),
        max_message_size_bytes=1000,
        tags={"a": "b"},
    )
    stored = TrafficPolicy.objects.get()
    assert stored.id == made.id
    assert stored.id.startswith("tp-")
    assert stored.document == policy("DENY", SPAM_TRAP, size=1000)
    assert DocumentVersion.objects.get(resource_arn=made.arn).document == stored.document
    assert tags_of(made.arn) == {"a": "b"}
    assert AuditEntry.objects.get(action="policies.create").detail == {"name": "inbound"}
    assert configuration_version() == before + 1


@pytest.mark.parametrize("name", ["ab", "a" * 64, "two words", "", "<script>", "naïve", "a\n", None, 7])
def test_name_out_of_the_set_is_refused(actor, name):
    with pytest.raises(Invalid) as refused:
        services.create(actor, name=name, default_action="ALLOW")
    assert [problem.path for problem in refused.value.problems] == ["name"]


def test_taken_name_conflicts_beside_the_name(actor, stored):
    with pytest.raises(Conflict) as refused:
        services.create(actor, name="inbound", default_action="ALLOW")
    assert refused.value.path == "name"
    assert TrafficPolicy.objects.count() == 1


def test_all_problems_are_told_at_once_and_nothing_is_left(actor):
    with pytest.raises(Invalid) as refused:
        services.create(
            actor,
            name="x",
            default_action="PERHAPS",
            statements=[deny(ipv4("10.0.0.1/8"))],
            max_message_size_bytes=-1,
        )
    assert {problem.path for problem in refused.value.problems} == {
        "name",
        "default_action",
        "max_message_size_bytes",
        "PolicyStatements[0].Conditions[0].IpExpression.Values[0]",
    }
    assert not TrafficPolicy.objects.exists()
    assert not DocumentVersion.objects.exists()


@pytest.mark.parametrize("statements", [None, 7, "DENY", {}, [None], [[]]])
def test_statements_that_are_none_are_refused(actor, statements):
    if statements is None:
        assert services.create(actor, name="inbound", default_action="ALLOW", statements=[]).statements == []
        return
    with pytest.raises(Invalid):
        services.create(actor, name="inbound", default_action="ALLOW", statements=statements)


def test_wrong_tag_leaves_nothing_behind(actor):
    with pytest.raises(Invalid):
        services.create(actor, name="inbound", default_action="ALLOW", tags={"": "x"})
    assert not TrafficPolicy.objects.exists()
    assert configuration_version() == 0


def test_limits_come_from_the_settings(actor, settings):
    settings.MAX_POLICY_STATEMENTS, settings.MAX_STATEMENT_CONDITIONS = 1, 1
    with pytest.raises(Invalid) as refused:
        services.create(actor, name="inbound", default_action="ALLOW", statements=[SPAM_TRAP, SPAM_TRAP])
    assert refused.value.problems[0].path == "PolicyStatements"


def test_one_policy_more_than_the_quota_is_refused(actor, settings, stored):
    settings.MAX_TRAFFIC_POLICIES = 1
    with pytest.raises(QuotaExceeded, match="MAILMANAGER_MAX_TRAFFIC_POLICIES"):
        services.create(actor, name="second", default_action="ALLOW")


def test_viewer_may_do_nothing(viewer, stored):
    for wish in (
        lambda: services.create(viewer, name="second", default_action="ALLOW"),
        lambda: services.update(viewer, stored.id, name="other"),
        lambda: services.restore_version(viewer, stored.id, 1),
        lambda: services.delete(viewer, stored.id),
    ):
        with pytest.raises(Forbidden):
            wish()
    assert TrafficPolicy.objects.get().name == "inbound"


# --- update, restore ------------------------------------------------------------------------------


def test_update_changes_what_is_named_and_keeps_a_version(actor, stored):
    services.update(actor, stored.id, statements=[], max_message_size_bytes=5)
    services.update(actor, stored.arn, max_message_size_bytes=None)
    stored.refresh_from_db()
    assert stored.document == policy("ALLOW")
    assert stored.name == "inbound"
    assert versions(stored) == [1, 2, 3]
    assert tags_of(stored.arn) == {"team": "mail"}


def test_another_name_is_no_new_version(actor, stored):
    services.update(actor, stored.id, name="outside", tags={})
    assert versions(stored) == [1]
    assert tags_of(stored.arn) == {}
    assert AuditEntry.objects.get(action="policies.update").detail == {
        "name": "outside",
        "changed": ["name", "tags"],
    }


def test_update_without_a_change_leaves_no_trace(actor, stored):
    before = configuration_version()
    services.update(actor, stored.id, name="inbound", statements=[SPAM_TRAP], default_action="ALLOW")
    assert versions(stored) == [1]
    assert configuration_version() == before
    assert not AuditEntry.objects.filter(action="policies.update").exists()


def test_wrong_update_changes_nothing(actor, stored):
    with pytest.raises(Invalid):
        services.update(actor, stored.id, name="outside", statements=[deny()])
    stored.refresh_from_db()
    assert stored.name == "inbound"


def test_update_to_a_taken_name_conflicts(actor, stored):
    other = services.create(actor, name="second", default_action="ALLOW")
    with pytest.raises(Conflict):
        services.update(actor, other.id, name="inbound")


def test_restored_version_is_the_newest(actor, stored):
    services.update(actor, stored.id, statements=[], default_action="DENY", max_message_size_bytes=1)
    services.restore_version(actor, stored.id, 1)
    stored.refresh_from_db()
    assert stored.document == policy("ALLOW", SPAM_TRAP)
    assert versions(stored) == [1, 2, 3]


def test_unknown_ids_and_versions_are_not_found(actor, stored):
    for wish in (
        lambda: services.get("tp-none"),
        lambda: services.update(actor, "tp-none", name="abc"),
        lambda: services.delete(actor, "tp-none"),
        lambda: services.restore_version(actor, stored.id, 7),
    ):
        with pytest.raises(NotFound):
            wish()


# --- delete ---------------------------------------------------------------------------------------


def test_deleted_policy_takes_everything_along(actor, stored):
    services.delete(actor, stored.id)
    assert not TrafficPolicy.objects.exists()
    assert not DocumentVersion.objects.exists()
    assert not Tag.objects.exists()
    assert AuditEntry.objects.get(action="policies.delete").detail == {"name": "inbound"}


def test_policy_of_endpoints_stays_and_names_them(actor, stored):
    use(stored, "reception")
    use(stored, "branch")
    set_references("arn:aws:ses:x:1:mailmanager-ingress-point/inp-1", "reception", [stored.arn])
    with pytest.raises(Conflict, match=r"inbound is in use by branch, reception\."):
        services.delete(actor, stored.id)
    assert TrafficPolicy.objects.exists()


def test_policy_that_is_named_elsewhere_stays(actor, stored):
    set_references("arn:aws:ses:x:1:mailmanager-ingress-point/inp-1", "reception", [stored.arn])
    assert Reference.objects.count() == 1
    with pytest.raises(Conflict, match="reception"):
        services.delete(actor, stored.id)


def test_quota_is_that_of_the_service_by_default():
    assert settings.MAX_TRAFFIC_POLICIES == 100
