"""KMS, as far as the walk needs it."""

import json
from typing import Any

from django.db import transaction

from access.actor import Permission
from access.services import require
from api.call import Call, Document, Operation
from api.errors import ApiError
from api.pagination import MARKED, page_of
from api.tag_members import tag_list, tags_from
from core.errors import Invalid
from resources.services import change_tags, tags_of
from secrets_store import crypto
from secrets_store.models import EncryptionKey, KeyAlias
from secrets_store.services import key_material, keys

_POLICY_NAME = "default"
_ALGORITHM = "SYMMETRIC_DEFAULT"
_DATA_KEY_BYTES = {"AES_256": 32, "AES_128": 16}


def create(call: Call) -> Document:
    wish = call.input
    for member, only in (
        ("KeySpec", "SYMMETRIC_DEFAULT"),
        ("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("Origin", "AWS_KMS"),
    ):
        if wish.get(member, only) != only:
            raise ApiError("UnsupportedOperationException", f"{member} can only be {only} here.")
    if wish.get("MultiRegion"):
        raise ApiError("UnsupportedOperationException", "There are no multi-Region keys here.")
    key = keys.create(
        call.actor,
        description=wish.get("Description", ""),
        policy=_policy_from(wish["Policy"]) if "Policy" in wish else None,
        tags=tags_from(wish, key="TagKey", value="TagValue"),
    )
    return {"KeyMetadata": _metadata(key)}


def describe(call: Call) -> Document:
    return {"KeyMetadata": _metadata(keys.get(call.input["KeyId"]))}


def list_all(call: Call) -> Document:
    page = page_of(call, EncryptionKey.objects.all(), MARKED)
    rows = [{"KeyId": key.pk, "KeyArn": key.arn} for key in page.rows]
    return {"Keys": rows, "NextMarker": page.next_token, "Truncated": page.next_token is not None}


def set_description(call: Call) -> Document:
    keys.set_description(call.actor, _id(call), call.input["Description"])
    return {}


def enable(call: Call) -> Document:
    keys.set_enabled(call.actor, _id(call), is_enabled=True)
    return {}


def disable(call: Call) -> Document:
    keys.set_enabled(call.actor, _id(call), is_enabled=False)
    return {}


def schedule_deletion(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    days = call.input.get("PendingWindowInDays", keys.MAX_DELETION_DAYS)
    deletion_at = keys.schedule_deletion(call.actor, key.pk, days=days)
    return {
        "KeyId": key.arn,
        "DeletionDate": deletion_at,
        "KeyState": EncryptionKey.State.PENDING_DELETION.value,
        "PendingWindowInDays": days,
    }


def cancel_deletion(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    keys.cancel_deletion(call.actor, key.pk)
    return {"KeyId": key.arn}


# --- aliases --------------------------------------------------------------------------------------


def create_alias(call: Call) -> Document:
    keys.create_alias(call.actor, _alias(call), keys.get(call.input["TargetKeyId"]).pk)
    return {}


def update_alias(call: Call) -> Document:
    keys.update_alias(call.actor, _alias(call), keys.get(call.input["TargetKeyId"]).pk)
    return {}


def delete_alias(call: Call) -> Document:
    keys.delete_alias(call.actor, _alias(call))
    return {}


def list_aliases(call: Call) -> Document:
    rows = KeyAlias.objects.select_related("key")
    if "KeyId" in call.input:
        rows = rows.filter(key=keys.get(call.input["KeyId"]))
    page = page_of(call, rows, MARKED)
    aliases = [
        {
            "AliasName": alias.full_name,
            "AliasArn": alias.key.arn.replace(f"key/{alias.key_id}", alias.full_name),
            "TargetKeyId": alias.key_id,
            "CreationDate": alias.created_at,
        }
        for alias in page.rows
    ]
    return {"Aliases": aliases, "NextMarker": page.next_token, "Truncated": page.next_token is not None}


# --- policy and rotation --------------------------------------------------------------------------


def get_policy(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    _check_policy_name(call)
    return {"Policy": json.dumps(key.policy, indent=2), "PolicyName": _POLICY_NAME}


def put_policy(call: Call) -> Document:
    _check_policy_name(call)
    keys.set_policy(call.actor, _id(call), _policy_from(call.input["Policy"]))
    return {}


def list_policies(call: Call) -> Document:
    keys.get(call.input["KeyId"])
    return {"PolicyNames": [_POLICY_NAME], "Truncated": False}


def enable_rotation(call: Call) -> Document:
    days = call.input.get("RotationPeriodInDays", keys.DEFAULT_ROTATION_DAYS)
    keys.set_rotation(call.actor, _id(call), period_days=days)
    return {}


def disable_rotation(call: Call) -> Document:
    keys.set_rotation(call.actor, _id(call), period_days=None)
    return {}


def get_rotation(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    return {
        "KeyId": key.arn,
        "KeyRotationEnabled": key.rotation_period_days is not None,
        "RotationPeriodInDays": key.rotation_period_days,
        "NextRotationDate": key.next_rotation_at,
    }


def rotate(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    keys.rotate_material(call.actor, key.pk)
    return {"KeyId": key.arn}


# --- encryption -----------------------------------------------------------------------------------


def encrypt(call: Call) -> Document:
    key = _usable(call, call.input["KeyId"], "kms:Encrypt")
    blob = key_material.encrypt(key, call.input["Plaintext"], _context(call))
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": _ALGORITHM}


def decrypt(call: Call) -> Document:
    blob = _ciphertext(call)
    key = _key_of(blob)
    if "KeyId" in call.input and keys.get(call.input["KeyId"]) != key:
        raise ApiError("IncorrectKeyException", "The ciphertext was encrypted under another key.")
    _authorize(call, key, "kms:Decrypt")
    plaintext = _opened(blob, _context(call))
    return {"Plaintext": plaintext, "KeyId": key.arn, "EncryptionAlgorithm": _ALGORITHM}


def re_encrypt(call: Call) -> Document:
    wish = call.input
    blob = _ciphertext(call)
    source = _key_of(blob)
    _authorize(call, source, "kms:ReEncryptFrom")
    plaintext = _opened(blob, wish.get("SourceEncryptionContext") or {})
    target = _usable(call, wish["DestinationKeyId"], "kms:ReEncryptTo")
    blob = key_material.encrypt(target, plaintext, wish.get("DestinationEncryptionContext") or {})
    return {
        "CiphertextBlob": blob,
        "SourceKeyId": source.arn,
        "KeyId": target.arn,
        "SourceEncryptionAlgorithm": _ALGORITHM,
        "DestinationEncryptionAlgorithm": _ALGORITHM,
    }


def generate_data_key(call: Call) -> Document:
    key = _usable(call, call.input["KeyId"], "kms:GenerateDataKey")
    plaintext = _new_data_key(call)
    blob = key_material.encrypt(key, plaintext, _context(call))
    return {"CiphertextBlob": blob, "Plaintext": plaintext, "KeyId": key.arn}


def generate_data_key_without_plaintext(call: Call) -> Document:
    key = _usable(call, call.input["KeyId"], "kms:GenerateDataKeyWithoutPlaintext")
    return {
        "CiphertextBlob": key_material.encrypt(key, _new_data_key(call), _context(call)),
        "KeyId": key.arn,
    }


# --- tags -----------------------------------------------------------------------------------------


@transaction.atomic
def tag(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    change_tags(
        call.actor, key.arn, {**tags_of(key.arn), **tags_from(call.input, key="TagKey", value="TagValue")}
    )
    return {}


@transaction.atomic
def untag(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    kept = {name: value for name, value in tags_of(key.arn).items() if name not in call.input["TagKeys"]}
    change_tags(call.actor, key.arn, kept)
    return {}


def list_tags(call: Call) -> Document:
    key = keys.get(call.input["KeyId"])
    return {"Tags": tag_list(tags_of(key.arn), key="TagKey", value="TagValue"), "Truncated": False}


# --- shapes ---------------------------------------------------------------------------------------


def _id(call: Call) -> str:
    return keys.get(call.input["KeyId"]).pk


def _alias(call: Call) -> str:
    name: str = call.input["AliasName"]
    if not name.startswith("alias/"):
        raise ApiError("InvalidAliasNameException", "Alias must start with the prefix “alias/”.")
    return name.removeprefix("alias/")


def _metadata(key: EncryptionKey) -> dict[str, Any]:
    return {
        "AWSAccountId": key.arn.split(":")[4],
        "KeyId": key.pk,
        "Arn": key.arn,
        "CreationDate": key.created_at,
        "Enabled": key.state == EncryptionKey.State.ENABLED,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state,
        "DeletionDate": key.deletion_at,
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }


def _usable(call: Call, key_id: str, action: str) -> EncryptionKey:
    key = keys.get(key_id)
    _authorize(call, key, action)
    return key


def _authorize(call: Call, key: EncryptionKey, action: str) -> None:
    """A key policy that lets the whole account in leaves it to people's roles: viewers use no keys."""
    require(call.actor, Permission.WRITE)
    keys.authorize(call.actor, key, action)
    for member in ("EncryptionAlgorithm", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"):
        if call.input.get(member, _ALGORITHM) != _ALGORITHM:
            raise ApiError("InvalidKeyUsageException", f"{member} can only be {_ALGORITHM} here.")
    if "Recipient" in call.input:
        raise ApiError("UnsupportedOperationException", "There are no enclaves here.")
    if call.input.get("DryRun"):
        raise ApiError("DryRunOperationException", "The request would have succeeded, but DryRun is set.")


def _ciphertext(call: Call) -> bytes:
    blob: bytes | None = call.input.get("CiphertextBlob")
    if not blob:
        raise ApiError("ValidationException", "CiphertextBlob must be there.")
    return blob


def _key_of(blob: bytes) -> EncryptionKey:
    try:
        return key_material.key_of(blob)
    except Invalid as error:
        raise ApiError("InvalidCiphertextException", str(error)) from error


def _opened(blob: bytes, context: dict[str, str]) -> bytes:
    try:
        return key_material.decrypt(blob, context)
    except Invalid as error:
        raise ApiError("InvalidCiphertextException", str(error)) from error


def _new_data_key(call: Call) -> bytes:
    size = call.input.get("NumberOfBytes") or _DATA_KEY_BYTES.get(call.input.get("KeySpec", ""))
    if not size or ("NumberOfBytes" in call.input and "KeySpec" in call.input):
        raise ApiError("ValidationException", "Please specify either number of bytes or key spec.")
    return crypto.random_bytes(size)


def _context(call: Call) -> dict[str, str]:
    return call.input.get("EncryptionContext") or {}


def _check_policy_name(call: Call) -> None:
    if call.input.get("PolicyName", _POLICY_NAME) != _POLICY_NAME:
        raise ApiError("NotFoundException", "A key has one policy, named default.")


def _policy_from(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError("MalformedPolicyDocumentException", "The policy is not valid JSON.") from None


OPERATIONS: dict[str, Operation] = {
    "CreateKey": create,
    "DescribeKey": describe,
    "ListKeys": list_all,
    "UpdateKeyDescription": set_description,
    "EnableKey": enable,
    "DisableKey": disable,
    "ScheduleKeyDeletion": schedule_deletion,
    "CancelKeyDeletion": cancel_deletion,
    "CreateAlias": create_alias,
    "UpdateAlias": update_alias,
    "DeleteAlias": delete_alias,
    "ListAliases": list_aliases,
    "GetKeyPolicy": get_policy,
    "PutKeyPolicy": put_policy,
    "ListKeyPolicies": list_policies,
    "EnableKeyRotation": enable_rotation,
    "DisableKeyRotation": disable_rotation,
    "GetKeyRotationStatus": get_rotation,
    "RotateKeyOnDemand": rotate,
    "Encrypt": encrypt,
    "Decrypt": decrypt,
    "ReEncrypt": re_encrypt,
    "GenerateDataKey": generate_data_key,
    "GenerateDataKeyWithoutPlaintext": generate_data_key_without_plaintext,
    "TagResource": tag,
    "UntagResource": untag,
    "ListResourceTags": list_tags,
}
