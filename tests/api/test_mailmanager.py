"""boto3, unmodified, for Mail Manager: each operation does what it says, and each refusal is the
service's exception."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.test import Client
from django.urls import reverse

from access.models import AuditEntry, User
from endpoints.models import IngressEndpoint
from policies.models import TrafficPolicy
from tests.api.documents import RULE, STATEMENT, endpoint_of, policy_of, relay_of, rule_set_of
from tests.servers.certificates import crl_of, pem_of

VPC = "vpce-12345678901234567"


@pytest.fixture
def mm(client):
    return client("mailmanager")


def error_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    return caught.value.response["Error"]


def code_of(call, **input):
    return error_of(call, **input)["Code"]


def test_policy_is_made_read_changed_listed_and_deleted(mm):
    policy_id = policy_of(mm, MaxMessageSizeBytes=1000)
    got = mm.get_traffic_policy(TrafficPolicyId=policy_id)
    assert got["PolicyStatements"] == [STATEMENT]
    assert got["MaxMessageSizeBytes"] == 1000
    assert got["TrafficPolicyArn"].endswith(policy_id)
    assert got["CreatedTimestamp"].tzinfo is not None
    mm.update_traffic_policy(TrafficPolicyId=policy_id, DefaultAction="DENY")
    assert mm.get_traffic_policy(TrafficPolicyId=policy_id)["PolicyStatements"] == [STATEMENT]
    listed = mm.list_traffic_policies()["TrafficPolicies"]
    assert listed == [{"TrafficPolicyName": "first", "TrafficPolicyId": policy_id, "DefaultAction": "DENY"}]
    mm.delete_traffic_policy(TrafficPolicyId=policy_id)
    assert code_of(mm.get_traffic_policy, TrafficPolicyId=policy_id) == "ResourceNotFoundException"
    assert code_of(mm.delete_traffic_policy, TrafficPolicyId=policy_id) == "ResourceNotFoundException"


def test_rule_set_is_echoed_to_the_letter(mm):
    relay_id = relay_of(mm)
    relay = {"Relay": {"Relay": relay_id, "MailFrom": "PRESERVE", "ActionFailurePolicy": "DROP"}}
    rules = [{**RULE, "Unless": []}, {"Actions": [relay]}]
    rule_set_id = rule_set_of(mm, rules=rules)
    got = mm.get_rule_set(RuleSetId=rule_set_id)
    assert got["Rules"] == rules
    assert got["CreatedDate"] <= got["LastModificationDate"]
    mm.update_rule_set(RuleSetId=rule_set_id, RuleSetName="second")
    assert mm.get_rule_set(RuleSetId=rule_set_id)["Rules"] == rules
    assert [row["RuleSetName"] for row in mm.list_rule_sets()["RuleSets"]] == ["second"]


def test_what_is_in_use_is_not_deleted_and_the_refusal_says_by_whom(mm):
    relay_id = relay_of(mm)
    rule_set_of(mm, "user", rules=[{"Actions": [{"Relay": {"Relay": relay_id}}]}])
    error = error_of(mm.delete_relay, RelayId=relay_id)
    assert error["Code"] == "ConflictException"
    assert "user" in error["Message"]


def test_deleting_a_rule_set_twice_is_no_error(mm):
    rule_set_id = rule_set_of(mm)
    mm.delete_rule_set(RuleSetId=rule_set_id)
    mm.delete_rule_set(RuleSetId=rule_set_id)
    assert code_of(mm.get_rule_set, RuleSetId=rule_set_id) == "ResourceNotFoundException"


def test_relay_is_made_read_changed_listed_and_deleted(mm):
    relay_id = relay_of(mm)
    got = mm.get_relay(RelayId=relay_id)
    assert (got["ServerName"], got["ServerPort"]) == ("mx.example", 25)
    assert got["Authentication"] == {"NoAuthentication": {}}
    mm.update_relay(RelayId=relay_id, ServerPort=587)
    assert mm.get_relay(RelayId=relay_id)["ServerPort"] == 587
    assert [row["RelayId"] for row in mm.list_relays()["Relays"]] == [relay_id]
    mm.delete_relay(RelayId=relay_id)
    assert code_of(mm.delete_relay, RelayId=relay_id) == "ResourceNotFoundException"


def test_relay_with_a_secret_that_it_may_not_read_is_refused_at_its_member(client, mm):
    secret = client("secretsmanager").create_secret(Name="relay", SecretString='{"username": "u"}')
    wish = {"RelayName": "r", "ServerName": "mx.example", "ServerPort": 587}
    error = error_of(mm.create_relay, **wish, Authentication={"SecretArn": secret["ARN"]})
    assert error["Code"] == "ValidationException"
    assert "'authentication.secretArn'" in error["Message"]


def test_open_endpoint_is_read_with_its_network(mm):
    endpoint_id = endpoint_of(mm)
    got = mm.get_ingress_point(IngressPointId=endpoint_id)
    assert got["Status"] == "PROVISIONING"
    assert got["TlsPolicy"] == "OPTIONAL"
    assert got["NetworkConfiguration"] == {"PublicNetworkConfiguration": {"IpType": "IPV4"}}
    assert "IngressPointAuthConfiguration" not in got
    assert "ARecord" not in got
    row = {"IngressPointName": "inbound", "IngressPointId": endpoint_id, "Status": "PROVISIONING"}
    assert mm.list_ingress_points()["IngressPoints"] == [{**row, "Type": "OPEN"}]


def test_new_password_of_an_endpoint_keeps_the_former_one_for_two_weeks(mm):
    endpoint_id = endpoint_of(mm, Type="AUTH", IngressPointConfiguration={"SmtpPassword": "pass-Word_1"})
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")
    got = mm.get_ingress_point(IngressPointId=endpoint_id)
    versions = {"IngressPointPasswordConfiguration": {"SmtpPasswordVersion": "1"}}
    assert got["IngressPointAuthConfiguration"] == versions
    mm.update_ingress_point(
        IngressPointId=endpoint_id, IngressPointConfiguration={"SmtpPassword": "pass-Word_2"}
    )
    got = mm.get_ingress_point(IngressPointId=endpoint_id)
    versions = got["IngressPointAuthConfiguration"]["IngressPointPasswordConfiguration"]
    assert (versions["SmtpPasswordVersion"], versions["PreviousSmtpPasswordVersion"]) == ("2", "1")
    lasts = versions["PreviousSmtpPasswordExpiryTimestamp"] - got["LastUpdatedTimestamp"]
    assert round(lasts.total_seconds() / 86400) == 14
    assert "pass-Word" not in str(AuditEntry.objects.values_list("detail", flat=True))


def test_trust_store_is_told_only_to_who_asks_for_it(mm, ca):
    def configuration(**store):
        return {"TlsAuthConfiguration": {"TrustStore": {"CAContent": pem_of(ca), **store}}}

    whole = configuration(CrlContent=crl_of(ca))
    endpoint_id = endpoint_of(mm, Type="MTLS", IngressPointConfiguration=whole)
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")

    def told(**options):
        got = mm.get_ingress_point(IngressPointId=endpoint_id, **options)
        assert (got["Type"], got["TlsPolicy"]) == ("MTLS", "REQUIRED")
        return got["IngressPointAuthConfiguration"]

    assert told() == told(IncludeTrustStoreContents="EXCLUDE") == {"TlsAuthConfiguration": {}}
    assert told(IncludeTrustStoreContents="INCLUDE") == whole
    mm.update_ingress_point(IngressPointId=endpoint_id, IngressPointConfiguration=configuration())
    assert told(IncludeTrustStoreContents="INCLUDE") == configuration()
    wish = configuration(
        KmsKeyArn="arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    )
    error = error_of(mm.update_ingress_point, IngressPointId=endpoint_id, IngressPointConfiguration=wish)
    assert "kmsKeyArn" in error["Message"]


def test_endpoint_changes_state_policy_and_name(mm):
    endpoint_id = endpoint_of(mm)
    IngressEndpoint.objects.update(status="ACTIVE", wished_status="ACTIVE")
    other = policy_of(mm, "other")
    mm.update_ingress_point(
        IngressPointId=endpoint_id, IngressPointName="renamed", TrafficPolicyId=other, StatusToUpdate="CLOSED"
    )
    got = mm.get_ingress_point(IngressPointId=endpoint_id)
    assert (got["IngressPointName"], got["TrafficPolicyId"], got["Status"]) == ("renamed", other, "UPDATING")


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"Type": "AUTH"}, "ingressPointConfiguration.smtpPassword"),
        ({"Type": "MTLS"}, "ingressPointConfiguration.tlsAuthConfiguration.trustStore.cAContent"),
        (
            {
                "Type": "MTLS",
                "IngressPointConfiguration": {"TlsAuthConfiguration": {"TrustStore": {"CAContent": "x"}}},
            },
            "ingressPointConfiguration.tlsAuthConfiguration.trustStore.cAContent",
        ),
        ({"TlsPolicy": "FIPS"}, "tlsPolicy"),
        ({"RuleSetId": "rs-none"}, "ruleSetId"),
        (
            {"NetworkConfiguration": {"PrivateNetworkConfiguration": {"VpcEndpointId": VPC}}},
            "networkConfiguration.privateNetworkConfiguration",
        ),
        (
            {"NetworkConfiguration": {"PublicNetworkConfiguration": {"IpType": "DUAL_STACK"}}},
            "networkConfiguration.publicNetworkConfiguration.ipType",
        ),
    ],
)
def test_what_an_endpoint_cannot_be_is_told_at_its_member(mm, members, member):
    policy_id, rule_set_id = policy_of(mm), rule_set_of(mm)
    wish = {"Type": "OPEN", "TrafficPolicyId": policy_id, "RuleSetId": rule_set_id, **members}
    error = error_of(mm.create_ingress_point, IngressPointName="inbound", **wish)
    assert error["Code"] == "ValidationException"
    assert f"Value at '{member}' failed to satisfy constraint: " in error["Message"]
    assert not IngressEndpoint.objects.exists()


def test_tags_are_added_replaced_and_taken_away(mm):
    policy_id = policy_of(mm, Tags=[{"Key": "team", "Value": "mail"}])
    arn = mm.get_traffic_policy(TrafficPolicyId=policy_id)["TrafficPolicyArn"]
    mm.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "a"}, {"Key": "stage", "Value": "b"}])
    tags = [{"Key": "stage", "Value": "b"}, {"Key": "team", "Value": "mail"}]
    assert mm.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags
    mm.untag_resource(ResourceArn=arn, TagKeys=["team", "none"])
    assert mm.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags[:1]


@pytest.mark.parametrize("operation", ["tag_resource", "untag_resource", "list_tags_for_resource"])
def test_tags_of_what_is_not_there(mm, operation):
    arn = "arn:aws:ses:us-east-1:123456789012:mailmanager-traffic-policy/tp-none"
    extras: dict[str, Any] = {"tag_resource": {"Tags": []}, "untag_resource": {"TagKeys": ["a"]}}
    extra = extras.get(operation, {})
    assert code_of(getattr(mm, operation), ResourceArn=arn, **extra) == "ResourceNotFoundException"


def test_tags_of_another_account_are_not_ours(mm):
    policy_id = policy_of(mm)
    arn = f"arn:aws:ses:us-east-1:000000000000:mailmanager-traffic-policy/{policy_id}"
    error = code_of(mm.tag_resource, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert error == "ResourceNotFoundException"


def test_broken_constraint_names_the_member(mm):
    error = error_of(
        mm.create_traffic_policy, TrafficPolicyName="x", DefaultAction="ALLOW", PolicyStatements=[]
    )
    assert error["Code"] == "ValidationException"
    assert error["Message"] == (
        "1 validation error detected: Value at 'trafficPolicyName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 3"
    )


def test_taken_name_is_a_conflict(mm):
    policy_of(mm)
    assert code_of(policy_of, mm=mm) == "ConflictException"


def test_operation_whose_room_is_not_built_is_unknown(mm):
    assert code_of(mm.list_archives) == "UnknownOperationException"


def test_ids_and_arns_are_taken_alike(mm):
    policy_id = policy_of(mm)
    arn = mm.get_traffic_policy(TrafficPolicyId=policy_id)["TrafficPolicyArn"]
    assert mm.get_traffic_policy(TrafficPolicyId=arn)["TrafficPolicyId"] == policy_id


def test_api_and_console_write_the_same_audit_entries(mm):
    policy_id = policy_of(mm)
    mm.delete_traffic_policy(TrafficPolicyId=policy_id)
    entries = AuditEntry.objects.filter(action__startswith="policies.").order_by("pk")
    assert [(entry.actor, entry.source, entry.action) for entry in entries] == [
        ("owner", "127.0.0.1", "policies.create"),
        ("owner", "127.0.0.1", "policies.delete"),
    ]


def test_what_the_api_made_is_edited_in_the_console_and_read_by_the_api(mm):
    relay_id = relay_of(mm, "office")
    browser = Client()
    browser.force_login(User.objects.get(username="owner"))
    form = {"name": "office", "server_name": "mx2.example", "server_port": "587", "tls": "OPTIONAL"}
    browser.post(reverse("relays:edit", args=[relay_id]), form)
    got = mm.get_relay(RelayId=relay_id)
    assert (got["ServerName"], got["ServerPort"]) == ("mx2.example", 587)
    mm.update_relay(RelayId=relay_id, ServerPort=25)
    told = browser.get(reverse("relays:detail", args=[relay_id])).content.decode()
    assert "mx2.example" in told
    changes = AuditEntry.objects.filter(action="relays.update").order_by("pk")
    assert [entry.detail["changed"] for entry in changes] == [["server_name", "server_port"], ["server_port"]]
    assert {(entry.actor, entry.resource_arn) for entry in changes} == {("owner", got["RelayArn"])}


def test_viewer_reads_and_changes_nothing(client, mm, viewer_key):
    policy_id = policy_of(mm)
    theirs = client("mailmanager", viewer_key)
    assert theirs.get_traffic_policy(TrafficPolicyId=policy_id)["TrafficPolicyName"] == "first"
    assert code_of(theirs.delete_traffic_policy, TrafficPolicyId=policy_id) == "AccessDeniedException"
    assert code_of(policy_of, mm=theirs, name="second") == "AccessDeniedException"
    arn = TrafficPolicy.objects.get().arn
    error = code_of(theirs.tag_resource, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert error == "AccessDeniedException"
    assert TrafficPolicy.objects.count() == 1
