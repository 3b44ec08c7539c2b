"""The verbs: what they refuse, what they leave behind."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound
from endpoints import services
from endpoints.models import IngressEndpoint
from policies import services as policy_services
from policies.models import TrafficPolicy
from resources.services import configuration_version, tags_of, users_of
from secrets_store.password_hashes import verify_password
from tests.endpoints.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def paths(error):
    return [problem.path for problem in error.value.problems]


def test_a_new_endpoint_is_provisioning_and_uses_what_it_names(make_endpoint, policy, rule_set):
    before = configuration_version()
    endpoint = make_endpoint("inbound", tags={"team": "mail"})
    assert endpoint.status == "PROVISIONING"
    assert endpoint.id.startswith("inp-")
    assert endpoint.a_record == ""
    assert tags_of(endpoint.arn) == {"team": "mail"}
    assert [user.source_name for user in users_of(policy.arn)] == ["inbound"]
    assert [user.source_name for user in users_of(rule_set.arn)] == ["inbound"]
    assert configuration_version() > before
    assert AuditEntry.objects.get(action="endpoints.create").resource_arn == endpoint.arn


@pytest.mark.parametrize(("kind", "tls"), [("OPEN", "OPTIONAL"), ("AUTH", "REQUIRED")])
def test_tls_policy_starts_as_the_type_has_it(make_endpoint, kind, tls):
    assert make_endpoint("inbound", type=kind).tls_policy == tls
    assert make_endpoint("other", type=kind, tls_policy="OPTIONAL").tls_policy == "OPTIONAL"


def test_a_taken_name_is_refused_at_the_name(make_endpoint, actor):
    make_endpoint("inbound")
    with pytest.raises(Conflict) as caught:
        make_endpoint("inbound")
    assert caught.value.path == "name"
    other = make_endpoint("other")
    IngressEndpoint.objects.filter(pk=other.pk).update(status="ACTIVE", wished_status="ACTIVE")
    with pytest.raises(Conflict) as caught:
        services.update(actor, other.id, name="inbound")
    assert caught.value.path == "name"
    assert IngressEndpoint.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": "ab"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": "with space"}, "name"),
        ({"name": "trick\n"}, "name"),
        ({"type": "PRIVATE"}, "type"),
        ({"tls_policy": "FIPS"}, "tls_policy"),
        ({"traffic_policy_id": "tp-none"}, "traffic_policy_id"),
        ({"traffic_policy_id": ""}, "traffic_policy_id"),
        ({"rule_set_id": "rs-none"}, "rule_set_id"),
        ({"type": "AUTH", "password": None}, "password"),
        ({"type": "AUTH", "password": "short"}, "password"),
        ({"type": "AUTH", "password": "no spaces please"}, "password"),
        ({"type": "OPEN", "password": PASSWORD}, "password"),
    ],
)
def test_what_is_wrong_is_said_at_its_place_and_nothing_is_left(make_endpoint, fields, path):
    with pytest.raises(Invalid) as caught:
        make_endpoint(**fields)
    assert paths(caught) == [path]
    assert "no spaces please" not in str(caught.value)
    assert not IngressEndpoint.objects.exists()
    assert not AuditEntry.objects.exists()


def test_all_that_is_wrong_is_said_at_once(make_endpoint):
    with pytest.raises(Invalid) as caught:
        make_endpoint(name="", traffic_policy_id="tp-x", rule_set_id="rs-x", tls_policy="NONE")
    assert paths(caught) == ["name", "tls_policy", "traffic_policy_id", "rule_set_id"]


def test_a_viewer_may_nothing(make_endpoint, viewer):
    endpoint = make_endpoint()
    for wish in (
        lambda: services.create(viewer, name="x", type="OPEN", traffic_policy_id="", rule_set_id=""),
        lambda: services.update(viewer, endpoint.id, status="CLOSED"),
        lambda: services.delete(viewer, endpoint.id),
        lambda: services.retry(viewer, endpoint.id),
    ):
        with pytest.raises(Forbidden):
            wish()


@pytest.mark.parametrize("unknown", ["inp-none", "", "arn:aws:ses:us-east-1:1:mailmanager-ingress-point/x"])
def test_an_unknown_endpoint_is_not_found(actor, unknown):
    for verb in (services.update, services.delete, services.retry):
        with pytest.raises(NotFound):
            verb(actor, unknown)
    with pytest.raises(NotFound):
        services.get(unknown)


def settled(endpoint, status="ACTIVE"):
    wished = "PROVISIONING" if status in ("FAILED", "PROVISIONING") else status
    IngressEndpoint.objects.filter(pk=endpoint.pk).update(status=status, wished_status=wished)
    return endpoint


def test_a_change_is_updating_until_it_has_spread(make_endpoint, actor, policy):
    endpoint = settled(make_endpoint())
    other = TrafficPolicy.objects.create(name="other", default_action="DENY")
    changed = services.update(actor, endpoint.arn, traffic_policy_id=other.arn)
    assert (changed.status, changed.wished_status) == ("UPDATING", "ACTIVE")
    assert changed.traffic_policy == other
    assert users_of(policy.arn) == []
    assert [user.source_name for user in users_of(other.arn)] == ["inbound"]
    closed = services.update(actor, endpoint.id, status="CLOSED", name="renamed")
    assert (closed.status, closed.wished_status) == ("UPDATING", "CLOSED")
    assert [user.source_name for user in users_of(other.arn)] == ["renamed"]
    assert AuditEntry.objects.filter(action="endpoints.update")[0].detail["changed"] == [
        "name",
        "status",
    ]


def test_what_stays_as_it_is_moves_nothing(make_endpoint, actor, policy):
    endpoint = settled(make_endpoint())
    same = services.update(actor, endpoint.id, name="inbound", traffic_policy_id=policy.id, status="ACTIVE")
    assert same.status == "ACTIVE"
    assert services.update(actor, endpoint.id, tags={"a": "b"}).status == "ACTIVE"
    assert tags_of(endpoint.arn) == {"a": "b"}


@pytest.mark.parametrize("status", ["PROVISIONING", "DEPROVISIONING"])
def test_nothing_changes_on_the_way_in_or_out(make_endpoint, actor, status):
    endpoint = settled(make_endpoint(), status)
    with pytest.raises(Conflict):
        services.update(actor, endpoint.id, tls_policy="REQUIRED")
    assert services.get(endpoint.id).tls_policy == "OPTIONAL"


def test_a_failed_endpoint_takes_changes_but_no_status_and_can_be_retried(make_endpoint, actor):
    endpoint = settled(make_endpoint(), "FAILED")
    assert services.update(actor, endpoint.id, tls_policy="REQUIRED").status == "FAILED"
    with pytest.raises(Conflict):
        services.update(actor, endpoint.id, status="CLOSED")
    assert services.retry(actor, endpoint.id).status == "PROVISIONING"
    with pytest.raises(Conflict):
        services.retry(actor, endpoint.id)


def test_of_two_deletes_one_wins(make_endpoint, actor):
    endpoint = make_endpoint()
    services.delete(actor, endpoint.id)
    assert services.get(endpoint.id).status == "DEPROVISIONING"
    with pytest.raises(Conflict):
        services.delete(actor, endpoint.id)


def test_the_former_password_is_good_for_two_weeks(make_endpoint, actor):
    endpoint = settled(make_endpoint(type="AUTH"))
    changed = services.update(actor, endpoint.id, password="another-Password")
    assert changed.password_version == 2
    assert verify_password(changed.password_hash, "another-Password")
    assert verify_password(changed.previous_password_hash, PASSWORD)
    assert changed.previous_password_expires_at is not None
    left = changed.previous_password_expires_at - timezone.now()
    assert timedelta(days=13, hours=23) < left <= timedelta(days=14)
    assert changed.status == "UPDATING"


@pytest.mark.parametrize(
    ("kind", "password"), [("AUTH", "short"), ("AUTH", ""), ("OPEN", "another-Password")]
)
def test_a_password_that_may_not_be_changes_nothing(make_endpoint, actor, kind, password):
    endpoint = settled(make_endpoint(type=kind))
    with pytest.raises(Invalid) as caught:
        services.update(actor, endpoint.id, password=password)
    assert paths(caught) == ["password"]
    assert services.get(endpoint.id).password_hash == endpoint.password_hash


def test_a_policy_in_use_is_not_deleted_and_says_by_whom(make_endpoint, actor, policy):
    make_endpoint()
    with pytest.raises(Conflict, match="inbound"):
        policy_services.delete(actor, policy.id)


def test_no_password_is_in_audit_or_row(make_endpoint, actor):
    endpoint = settled(make_endpoint(type="AUTH"))
    services.update(actor, endpoint.id, password="another-Password")
    kept = str(list(IngressEndpoint.objects.values())) + str(list(AuditEntry.objects.values()))
    assert PASSWORD not in kept
    assert "another-Password" not in kept
