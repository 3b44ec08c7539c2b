"""boto3, unmodified: each operation does what it says, and each refusal is the service's exception."""

import json

import pytest
from botocore.exceptions import ClientError


def error_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    return caught.value.response["Error"]


def test_policy_is_made_read_changed_listed_and_deleted(client):
    mm = client("mailmanager")
    statement = {
        "Action": "DENY",
        "Conditions": [
            {
                "StringExpression": {
                    "Evaluate": {"Attribute": "RECIPIENT"},
                    "Operator": "EQUALS",
                    "Values": ["a@b.example"],
                }
            }
        ],
    }
    made = mm.create_traffic_policy(
        TrafficPolicyName="first",
        DefaultAction="ALLOW",
        PolicyStatements=[statement],
        MaxMessageSizeBytes=1000,
    )
    policy_id = made["TrafficPolicyId"]
    got = mm.get_traffic_policy(TrafficPolicyId=policy_id)
    assert got["PolicyStatements"] == [statement]
    assert got["MaxMessageSizeBytes"] == 1000
    assert got["TrafficPolicyArn"].endswith(policy_id)
    assert got["CreatedTimestamp"].tzinfo is not None
    mm.update_traffic_policy(TrafficPolicyId=policy_id, DefaultAction="DENY")
    listed = mm.list_traffic_policies()["TrafficPolicies"]
    assert listed == [{"TrafficPolicyName": "first", "TrafficPolicyId": policy_id, "DefaultAction": "DENY"}]
    mm.delete_traffic_policy(TrafficPolicyId=policy_id)
    error = error_of(mm.get_traffic_policy, TrafficPolicyId=policy_id)
    assert error["Code"] == "ResourceNotFoundException"


def test_broken_constraint_names_the_member(client):
    error = error_of(
        client("mailmanager").create_traffic_policy,
        TrafficPolicyName="x",
        DefaultAction="ALLOW",
        PolicyStatements=[],
    )
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value at 'trafficPolicyName' failed to satisfy constraint: "
    )


def test_secret_and_key_go_round(client):
    sm, kms = client("secretsmanager"), client("kms")
    key = kms.create_key(Description="mail")["KeyMetadata"]
    kms.create_alias(AliasName="alias/mail", TargetKeyId=key["KeyId"])
    made = sm.create_secret(Name="smtp", SecretString='{"password": "x"}', KmsKeyId="alias/mail")
    assert sm.get_secret_value(SecretId="smtp")["SecretString"] == '{"password": "x"}'
    assert sm.describe_secret(SecretId=made["ARN"])["KmsKeyId"] == key["Arn"]
    blob = kms.encrypt(KeyId="alias/mail", Plaintext=b"plain", EncryptionContext={"a": "b"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"] == b"plain"
    assert error_of(kms.decrypt, CiphertextBlob=blob)["Code"] == "InvalidCiphertextException"
    assert json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])["Statement"]


def test_caller_identity(client):
    assert client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/owner"
