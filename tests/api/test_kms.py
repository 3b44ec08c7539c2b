"""boto3, unmodified, for KMS."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def kms(client):
    return client("kms")


@pytest.fixture
def key_id(kms):
    return kms.create_key(Description="mail")["KeyMetadata"]["KeyId"]


def code_of(call, **input):
    with pytest.raises(ClientError) as caught:
        call(**input)
    return caught.value.response["Error"]["Code"]


def test_key_is_made_described_listed_and_disabled(kms, key_id):
    told = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (told["Description"], told["KeyState"], told["KeyManager"]) == ("mail", "Enabled", "CUSTOMER")
    assert key_id in [row["KeyId"] for row in kms.list_keys()["Keys"]]
    kms.update_key_description(KeyId=key_id, Description="other")
    kms.disable_key(KeyId=key_id)
    told = kms.describe_key(KeyId=told["Arn"])["KeyMetadata"]
    assert (told["Description"], told["KeyState"], told["Enabled"]) == ("other", "Disabled", False)
    assert code_of(kms.encrypt, KeyId=key_id, Plaintext=b"x") in (
        "DisabledException",
        "KMSInvalidStateException",
    )
    kms.enable_key(KeyId=key_id)
    assert code_of(kms.describe_key, KeyId="none") == "NotFoundException"


@pytest.mark.parametrize(
    "wish",
    [{"KeySpec": "RSA_2048"}, {"KeyUsage": "SIGN_VERIFY"}, {"Origin": "EXTERNAL"}, {"MultiRegion": True}],
)
def test_only_symmetric_keys_are_made(kms, wish):
    assert code_of(kms.create_key, **wish) == "UnsupportedOperationException"


def test_aliases_stand_for_keys(kms, key_id):
    kms.create_alias(AliasName="alias/mail", TargetKeyId=key_id)
    assert kms.describe_key(KeyId="alias/mail")["KeyMetadata"]["KeyId"] == key_id
    assert code_of(kms.create_alias, AliasName="alias/mail", TargetKeyId=key_id) == "AlreadyExistsException"
    assert code_of(kms.create_alias, AliasName="mail", TargetKeyId=key_id) == "InvalidAliasNameException"
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/mail", TargetKeyId=other)
    (alias,) = kms.list_aliases(KeyId=other)["Aliases"]
    assert alias["AliasName"] == "alias/mail"
    assert alias["AliasArn"].endswith(":alias/mail")
    kms.delete_alias(AliasName="alias/mail")
    assert kms.list_aliases(KeyId=other)["Aliases"] == []


def test_what_was_encrypted_is_decrypted_with_its_context_alone(kms, key_id):
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"plain", EncryptionContext={"a": "b"})["CiphertextBlob"]
    got = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})
    assert (got["Plaintext"], got["KeyId"].endswith(key_id)) == (b"plain", True)
    assert code_of(kms.decrypt, CiphertextBlob=blob) == "InvalidCiphertextException"
    assert code_of(kms.decrypt, CiphertextBlob=b"x" * 40) == "InvalidCiphertextException"
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    wish = {"CiphertextBlob": blob, "EncryptionContext": {"a": "b"}}
    assert code_of(kms.decrypt, **wish, KeyId=other) == "IncorrectKeyException"
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"a": "b"}, DestinationKeyId=other)
    assert moved["KeyId"].endswith(other)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"plain"


def test_data_keys(kms, key_id):
    made = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    made = kms.generate_data_key_without_plaintext(KeyId=key_id, NumberOfBytes=7)
    assert "Plaintext" not in made
    assert len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 7
    assert code_of(kms.generate_data_key, KeyId=key_id) == "ValidationException"


def test_policy_is_read_written_and_listed(kms, key_id):
    policy = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
    policy["Statement"][0]["Sid"] = "Changed"
    kms.put_key_policy(KeyId=key_id, Policy=json.dumps(policy))
    assert json.loads(kms.get_key_policy(KeyId=key_id)["Policy"]) == policy
    assert kms.list_key_policies(KeyId=key_id)["PolicyNames"] == ["default"]
    assert code_of(kms.put_key_policy, KeyId=key_id, Policy="{") == "MalformedPolicyDocumentException"
    assert code_of(kms.get_key_policy, KeyId=key_id, PolicyName="other") == "NotFoundException"


def test_rotation_keeps_old_ciphertexts_readable(kms, key_id):
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"plain")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    told = kms.get_key_rotation_status(KeyId=key_id)
    assert (told["KeyRotationEnabled"], told["RotationPeriodInDays"]) == (True, 90)
    kms.rotate_key_on_demand(KeyId=key_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"plain"
    kms.disable_key_rotation(KeyId=key_id)
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False


def test_deletion_has_a_window_and_can_be_taken_back(kms, key_id):
    told = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert told["KeyState"] == "PendingDeletion"
    assert code_of(kms.enable_key, KeyId=key_id) == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key_id)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"


def test_tags_change(kms, key_id):
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.untag_resource(KeyId=key_id, TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "b", "TagValue": "2"}]


def test_viewers_look_at_keys_and_do_not_use_them(client, kms, key_id, viewer_key):
    theirs = client("kms", viewer_key)
    assert theirs.describe_key(KeyId=key_id)["KeyMetadata"]["KeyId"] == key_id
    assert code_of(theirs.disable_key, KeyId=key_id) == "AccessDeniedException"
    assert code_of(theirs.encrypt, KeyId=key_id, Plaintext=b"x") == "AccessDeniedException"
