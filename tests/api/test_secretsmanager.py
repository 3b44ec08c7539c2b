"""boto3, unmodified, for Secrets Manager."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from access.models import AuditEntry

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ses.amazonaws.com"},
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        }
    ],
}


@pytest.fixture
def sm(client):
    return client("secretsmanager")


def code_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    return caught.value.response["Error"]["Code"]


def test_secret_is_made_described_and_listed(sm):
    made = sm.create_secret(
        Name="smtp", Description="mail", SecretString="one", Tags=[{"Key": "team", "Value": "mail"}]
    )
    told = sm.describe_secret(SecretId="smtp")
    assert told["ARN"] == made["ARN"]
    assert told["VersionIdsToStages"] == {made["VersionId"]: ["AWSCURRENT"]}
    assert told["Tags"] == [{"Key": "team", "Value": "mail"}]
    assert told["RotationEnabled"] is False
    assert [row["Name"] for row in sm.list_secrets()["SecretList"]] == ["smtp"]


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("name", "sm", True),
        ("name", "x", False),
        ("name", "!sm", False),
        ("description", "ma", True),
        ("tag-key", "team", True),
        ("tag-value", "none", False),
        ("all", "mail", True),
    ],
)
def test_secrets_are_filtered(sm, key, value, found):
    sm.create_secret(
        Name="smtp", Description="mail", SecretString="one", Tags=[{"Key": "team", "Value": "m"}]
    )
    listed = sm.list_secrets(Filters=[{"Key": key, "Values": [value]}])["SecretList"]
    assert [row["Name"] for row in listed] == (["smtp"] if found else [])


def test_values_have_versions(sm):
    first = sm.create_secret(Name="smtp", SecretString="one")["VersionId"]
    second = sm.put_secret_value(SecretId="smtp", SecretBinary=b"\0two")["VersionId"]
    got = sm.get_secret_value(SecretId="smtp")
    assert (got["SecretBinary"], got["VersionId"]) == (b"\0two", second)
    assert sm.get_secret_value(SecretId="smtp", VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    assert sm.get_secret_value(SecretId="smtp", VersionId=first)["VersionStages"] == ["AWSPREVIOUS"]
    listed = sm.list_secret_version_ids(SecretId="smtp")["Versions"]
    assert {row["VersionId"] for row in listed} == {first, second}
    sm.update_secret_version_stage(
        SecretId="smtp", VersionStage="AWSCURRENT", MoveToVersionId=first, RemoveFromVersionId=second
    )
    assert sm.get_secret_value(SecretId="smtp")["SecretString"] == "one"
    assert code_of(sm.get_secret_value, SecretId="smtp", VersionId=str(uuid.uuid4())) == (
        "ResourceNotFoundException"
    )


def test_same_token_and_value_again_make_nothing_new(sm):
    token = str(uuid.uuid4())
    made = sm.create_secret(Name="smtp", SecretString="one", ClientRequestToken=token)
    assert made["VersionId"] == token
    again = sm.create_secret(Name="smtp", SecretString="one", ClientRequestToken=token)
    assert again["ARN"] == made["ARN"]
    assert (
        sm.put_secret_value(SecretId="smtp", SecretString="one", ClientRequestToken=token)["VersionId"]
        == token
    )
    assert len(sm.list_secret_version_ids(SecretId="smtp")["Versions"]) == 1


def test_same_token_with_another_value_is_refused(sm):
    token = str(uuid.uuid4())
    sm.create_secret(Name="smtp", SecretString="one", ClientRequestToken=token)
    for call, name in (
        (sm.put_secret_value, "SecretId"),
        (sm.update_secret, "SecretId"),
        (sm.create_secret, "Name"),
    ):
        code = code_of(call, **{name: "smtp"}, SecretString="two", ClientRequestToken=token)
        assert code == "ResourceExistsException"
    assert sm.get_secret_value(SecretId="smtp")["SecretString"] == "one"


def test_update_changes_what_is_given_all_or_nothing(sm):
    token = str(uuid.uuid4())
    sm.create_secret(Name="smtp", SecretString="one", Description="old", ClientRequestToken=token)
    sm.update_secret(SecretId="smtp", Description="new")
    assert sm.describe_secret(SecretId="smtp")["Description"] == "new"
    assert (
        code_of(
            sm.update_secret,
            SecretId="smtp",
            Description="newer",
            SecretString="two",
            ClientRequestToken=token,
        )
        == "ResourceExistsException"
    )
    assert sm.describe_secret(SecretId="smtp")["Description"] == "new"


def test_deletion_has_a_window_and_can_be_taken_back(sm):
    sm.create_secret(Name="smtp", SecretString="one")
    assert sm.delete_secret(SecretId="smtp", RecoveryWindowInDays=7)["DeletionDate"].tzinfo
    assert code_of(sm.get_secret_value, SecretId="smtp") == "InvalidRequestException"
    assert code_of(sm.create_secret, Name="smtp", SecretString="x") == "InvalidRequestException"
    assert sm.list_secrets()["SecretList"] == []
    assert len(sm.list_secrets(IncludePlannedDeletion=True)["SecretList"]) == 1
    sm.restore_secret(SecretId="smtp")
    assert sm.get_secret_value(SecretId="smtp")["SecretString"] == "one"
    wish = {"SecretId": "smtp", "ForceDeleteWithoutRecovery": True}
    assert code_of(sm.delete_secret, **wish, RecoveryWindowInDays=7) == "InvalidParameterException"
    sm.delete_secret(**wish)
    assert code_of(sm.describe_secret, SecretId="smtp") == "ResourceNotFoundException"


def test_rotation_generates_passwords_and_is_cancelled(sm):
    sm.create_secret(Name="smtp", SecretString='{"password": "old-Password_1"}')
    rotated = sm.rotate_secret(SecretId="smtp", RotationRules={"AutomaticallyAfterDays": 30})
    assert rotated["VersionId"]
    assert "old-Password_1" not in sm.get_secret_value(SecretId="smtp")["SecretString"]
    told = sm.describe_secret(SecretId="smtp")
    assert told["RotationEnabled"] is True
    assert told["NextRotationDate"] > told["LastRotatedDate"]
    sm.cancel_rotate_secret(SecretId="smtp")
    assert sm.describe_secret(SecretId="smtp")["RotationEnabled"] is False


def test_resource_policy_is_kept_validated_and_deleted(sm):
    sm.create_secret(Name="smtp", SecretString="one")
    assert "ResourcePolicy" not in sm.get_resource_policy(SecretId="smtp")
    sm.put_resource_policy(SecretId="smtp", ResourcePolicy=json.dumps(POLICY))
    assert json.loads(sm.get_resource_policy(SecretId="smtp")["ResourcePolicy"]) == POLICY
    assert sm.validate_resource_policy(ResourcePolicy=json.dumps(POLICY))["PolicyValidationPassed"]
    told = sm.validate_resource_policy(ResourcePolicy='{"Statement": [{"Effect": "Maybe"}]}')
    assert not told["PolicyValidationPassed"]
    assert told["ValidationErrors"]
    broken = {"SecretId": "smtp", "ResourcePolicy": "{"}
    assert code_of(sm.put_resource_policy, **broken) == "MalformedPolicyDocumentException"
    sm.delete_resource_policy(SecretId="smtp")
    assert "ResourcePolicy" not in sm.get_resource_policy(SecretId="smtp")


def test_random_passwords_are_as_wished(sm):
    password = sm.get_random_password(PasswordLength=20, ExcludePunctuation=True, ExcludeNumbers=True)
    assert len(password["RandomPassword"]) == 20
    assert password["RandomPassword"].isalpha()
    wish = {"PasswordLength": 1, "RequireEachIncludedType": True}
    assert code_of(sm.get_random_password, **wish) == "InvalidParameterException"


def test_tags_change(sm):
    sm.create_secret(Name="smtp", SecretString="one")
    sm.tag_resource(SecretId="smtp", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sm.untag_resource(SecretId="smtp", TagKeys=["a"])
    assert sm.describe_secret(SecretId="smtp")["Tags"] == [{"Key": "b", "Value": "2"}]


def test_viewers_read_no_values_and_the_audit_log_has_none(client, sm, viewer_key):
    sm.create_secret(Name="smtp", SecretString="hush-hush")
    theirs = client("secretsmanager", viewer_key)
    assert theirs.describe_secret(SecretId="smtp")["Name"] == "smtp"
    assert code_of(theirs.get_secret_value, SecretId="smtp") == "AccessDeniedException"
    assert code_of(theirs.put_secret_value, SecretId="smtp", SecretString="x") == "AccessDeniedException"
    sm.get_secret_value(SecretId="smtp")
    assert AuditEntry.objects.filter(action="secrets.retrieve_value", actor="owner").count() == 1
    assert "hush-hush" not in str(list(AuditEntry.objects.values_list("detail", flat=True)))
