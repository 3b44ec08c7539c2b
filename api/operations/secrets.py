"""Secrets Manager, as far as the walk needs it."""

import json
from typing import Any

from django.db import transaction
from django.db.models import Q

from access.logic.policy_document import PolicyKind, parse
from api.call import Call, Document, Operation
from api.errors import ApiError
from api.pagination import RESULTS, page_of
from api.tag_members import tag_list, tags_by_arn, tags_from
from core.errors import Conflict, Invalid
from resources.models import Tag
from resources.services import change_tags, tags_of
from secrets_store.logic.random_password import DEFAULT_LENGTH, random_password
from secrets_store.models import Secret, SecretVersion, VersionStage
from secrets_store.services import rotation, secrets, values

_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def create(call: Call) -> Document:
    wish = call.input
    value, token = _value(wish), wish.get("ClientRequestToken", "")
    if wish.get("AddReplicaRegions") or "CrossAccountPrimaryARN" in wish:
        raise ApiError("InvalidParameterException", "There are no other Regions and accounts here.")
    try:
        secret = secrets.create(
            call.actor,
            name=wish["Name"],
            value=value,
            key_id=wish.get("KmsKeyId", ""),
            description=wish.get("Description", ""),
            tags=tags_from(wish),
            version_id=token,
        )
    except Conflict as error:
        secret = secrets.get(wish["Name"])
        if secret.deletion_at:
            raise ApiError("InvalidRequestException", str(error)) from error
        if _made_before(secret, token, value) is None:
            raise
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": _current_id(secret)}


def describe(call: Call) -> Document:
    secret = secrets.get(call.input["SecretId"])
    return {
        **_entry(secret, tags_of(secret.arn)),
        "VersionIdsToStages": {
            version.version_id: [stage.name for stage in version.stages.all()]
            for version in secret.versions.prefetch_related("stages")
            if version.stages.all()
        },
    }


def get_value(call: Call) -> Document:
    version, content = secrets.retrieve_value(
        call.actor,
        call.input["SecretId"],
        stage=call.input.get("VersionStage", ""),
        version_id=call.input.get("VersionId", ""),
    )
    return {
        "ARN": version.secret.arn,
        "Name": version.secret.name,
        "VersionId": version.version_id,
        "SecretString" if version.is_text else "SecretBinary": content.decode()
        if version.is_text
        else content,
        "VersionStages": [stage.name for stage in version.stages.all()],
        "CreatedDate": version.created_at,
    }


def put_value(call: Call) -> Document:
    value = _value(call.input)
    if value is None:
        raise ApiError("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
    stages = tuple(call.input.get("VersionStages") or (VersionStage.CURRENT,))
    version = _put_once(call, value, stages)
    return {
        "ARN": version.secret.arn,
        "Name": version.secret.name,
        "VersionId": version.version_id,
        "VersionStages": [stage.name for stage in version.stages.all()],
    }


@transaction.atomic
def update(call: Call) -> Document:
    wish = call.input
    secret = secrets.update(
        call.actor, wish["SecretId"], description=wish.get("Description"), key_id=wish.get("KmsKeyId")
    )
    value = _value(wish)
    version_id = None
    if value is not None:
        version_id = _put_once(call, value, (VersionStage.CURRENT,)).version_id
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}


def list_all(call: Call) -> Document:
    rows = Secret.objects.select_related("key")
    if not call.input.get("IncludePlannedDeletion"):
        rows = rows.filter(deletion_at__isnull=True)
    for wish in call.input.get("Filters") or ():
        rows = rows.filter(_filter(wish))
    page = page_of(call, rows, RESULTS, key="name")
    tags = tags_by_arn(secret.arn for secret in page.rows)
    entries = [_entry(secret, tags[secret.arn]) for secret in page.rows]
    return {"SecretList": entries, "NextToken": page.next_token}


def list_versions(call: Call) -> Document:
    secret = secrets.get(call.input["SecretId"])
    rows = secret.versions.prefetch_related("stages").defer("sealed")
    if not call.input.get("IncludeDeprecated"):
        rows = rows.filter(stages__isnull=False).distinct()
    page = page_of(call, rows, RESULTS)
    versions = [
        {
            "VersionId": version.version_id,
            "VersionStages": [stage.name for stage in version.stages.all()],
            "CreatedDate": version.created_at,
        }
        for version in page.rows
    ]
    return {"ARN": secret.arn, "Name": secret.name, "Versions": versions, "NextToken": page.next_token}


def move_stage(call: Call) -> Document:
    wish = call.input
    secrets.move_stage(
        call.actor,
        wish["SecretId"],
        wish["VersionStage"],
        to_version_id=wish.get("MoveToVersionId", ""),
        from_version_id=wish.get("RemoveFromVersionId", ""),
    )
    return _named(secrets.get(wish["SecretId"]))


def delete(call: Call) -> Document:
    wish = call.input
    at_once = bool(wish.get("ForceDeleteWithoutRecovery"))
    if at_once and "RecoveryWindowInDays" in wish:
        raise ApiError(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )
    secret = secrets.get(wish["SecretId"])
    days = wish.get("RecoveryWindowInDays", secrets.DEFAULT_RECOVERY_DAYS)
    answer = _named(secret)
    return {
        **answer,
        "DeletionDate": secrets.schedule_deletion(call.actor, secret.arn, days=days, at_once=at_once),
    }


def restore(call: Call) -> Document:
    return _named(secrets.restore(call.actor, call.input["SecretId"]))


@transaction.atomic
def rotate(call: Call) -> Document:
    """DEVIATION: RotationLambdaARN takes the http address of a local function; without one a password
    is generated."""
    wish = call.input
    secret = secrets.get(wish["SecretId"])
    rules = wish.get("RotationRules") or {}
    if "RotationLambdaARN" in wish or rules or not secret.rotation_kind:
        function = wish.get("RotationLambdaARN", secret.rotation_function)
        days = rules.get("AutomaticallyAfterDays")
        rotation.configure(
            call.actor,
            secret.arn,
            kind=Secret.RotationKind.FUNCTION if function else Secret.RotationKind.GENERATED,
            schedule=rules.get("ScheduleExpression") or (f"rate({days} days)" if days else ""),
            function=function,
        )
    if wish.get("RotateImmediately") is False:
        return _named(secret)
    version = rotation.rotate(call.actor, secret.arn)
    return {**_named(secret), "VersionId": version.version_id}


def cancel_rotation(call: Call) -> Document:
    return _named(rotation.configure(call.actor, call.input["SecretId"], kind=""))


def get_policy(call: Call) -> Document:
    secret = secrets.get(call.input["SecretId"])
    policy = json.dumps(secret.policy) if secret.policy is not None else None
    return {**_named(secret), "ResourcePolicy": policy}


def put_policy(call: Call) -> Document:
    secrets.set_policy(call.actor, call.input["SecretId"], policy_from(call.input["ResourcePolicy"]))
    return _named(secrets.get(call.input["SecretId"]))


def delete_policy(call: Call) -> Document:
    secrets.set_policy(call.actor, call.input["SecretId"], None)
    return _named(secrets.get(call.input["SecretId"]))


def validate_policy(call: Call) -> Document:
    try:
        parse(policy_from(call.input["ResourcePolicy"]), PolicyKind.RESOURCE)
    except (ApiError, Invalid) as error:
        findings = (
            [
                {"CheckName": problem.path or "Document", "ErrorMessage": problem.message}
                for problem in error.problems
            ]
            if isinstance(error, Invalid)
            else [{"CheckName": "Document", "ErrorMessage": str(error)}]
        )
        return {"PolicyValidationPassed": False, "ValidationErrors": findings}
    return {"PolicyValidationPassed": True, "ValidationErrors": []}


def get_random_password(call: Call) -> Document:
    wish = call.input
    exclude = wish.get("ExcludeCharacters", "")
    punctuation = "" if wish.get("ExcludePunctuation") else _PUNCTUATION
    for member, characters in (
        ("ExcludeNumbers", "0123456789"),
        ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
    ):
        if wish.get(member):
            exclude += characters
    try:
        password = random_password(
            wish.get("PasswordLength", DEFAULT_LENGTH),
            exclude=exclude,
            punctuation=punctuation + (" " if wish.get("IncludeSpace") else ""),
            require_each_kind=wish.get("RequireEachIncludedType", True),
        )
    except ValueError as error:
        raise ApiError("InvalidParameterException", str(error)) from error
    return {"RandomPassword": password}


@transaction.atomic
def tag(call: Call) -> Document:
    secret = secrets.get(call.input["SecretId"])
    change_tags(call.actor, secret.arn, {**tags_of(secret.arn), **tags_from(call.input)})
    return {}


@transaction.atomic
def untag(call: Call) -> Document:
    secret = secrets.get(call.input["SecretId"])
    kept = {name: value for name, value in tags_of(secret.arn).items() if name not in call.input["TagKeys"]}
    change_tags(call.actor, secret.arn, kept)
    return {}


def policy_from(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError("MalformedPolicyDocumentException", "The policy is not valid JSON.") from None


def _named(secret: Secret) -> Document:
    return {"ARN": secret.arn, "Name": secret.name}


def _entry(secret: Secret, tags: dict[str, str]) -> Document:
    """What ListSecrets and DescribeSecret both say."""
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description or None,
        "KmsKeyId": secret.key.arn,
        "RotationEnabled": bool(secret.rotation_kind),
        "RotationLambdaARN": secret.rotation_function or None,
        "RotationRules": {"ScheduleExpression": secret.rotation_schedule}
        if secret.rotation_schedule
        else None,
        "LastRotatedDate": secret.last_rotated_at,
        "NextRotationDate": secret.next_rotation_at,
        "LastChangedDate": secret.updated_at,
        "LastAccessedDate": secret.last_accessed_at,
        "DeletedDate": secret.deletion_at,
        "CreatedDate": secret.created_at,
        "Tags": tag_list(tags),
    }


def _value(wish: Document) -> str | bytes | None:
    if "SecretString" in wish and "SecretBinary" in wish:
        raise ApiError("InvalidParameterException", "You can't specify both a binary and a string value.")
    value: str | bytes | None = wish.get("SecretString", wish.get("SecretBinary"))
    return value


def _put_once(call: Call, value: str | bytes, stages: tuple[str, ...]) -> SecretVersion:
    """A new version, or the one that the same token made of the same value before."""
    secret_id, token = call.input["SecretId"], call.input.get("ClientRequestToken", "")
    try:
        return secrets.put_value(call.actor, secret_id, value, stages=stages, version_id=token)
    except Conflict:
        former = _made_before(secrets.get(secret_id), token, value)
        if former is None:
            raise
        return former


def _made_before(secret: Secret, token: str, value: str | bytes | None) -> SecretVersion | None:
    """The version that `token` names, where it has the same value. Ask once the actor was let through."""
    version = secret.versions.select_related("secret__key").filter(version_id=token).first()
    content = value.encode() if isinstance(value, str) else value
    return version if version and values.open_version(version) == content else None


def _current_id(secret: Secret) -> str | None:
    stage = secret.stages.filter(name=VersionStage.CURRENT).select_related("version").first()
    return stage.version.version_id if stage else None


def _filter(wish: Document) -> Q:
    """Any of the values, at the beginning of the field; a `!` in front turns a value round."""
    fields = {"name": "name", "description": "description", "primary-region": "name"}
    found = Q()
    for value in wish.get("Values") or ():
        text = value.removeprefix("!")
        match wish.get("Key", "all"):
            case "tag-key" | "tag-value" as kind:
                names = {kind.removeprefix("tag-"): text}
                arns = Tag.objects.filter(**names).values_list("resource_arn", flat=True)
                test = Q(arn_suffix__in=[arn[-6:] for arn in arns])
            case "all":
                test = Q(name__icontains=text) | Q(description__icontains=text)
            case key:
                test = Q(**{f"{fields.get(key, 'name')}__istartswith": text})
        found |= ~test if value.startswith("!") else test
    return found


OPERATIONS: dict[str, Operation] = {
    "CreateSecret": create,
    "DescribeSecret": describe,
    "GetSecretValue": get_value,
    "PutSecretValue": put_value,
    "UpdateSecret": update,
    "ListSecrets": list_all,
    "ListSecretVersionIds": list_versions,
    "UpdateSecretVersionStage": move_stage,
    "DeleteSecret": delete,
    "RestoreSecret": restore,
    "RotateSecret": rotate,
    "CancelRotateSecret": cancel_rotation,
    "GetResourcePolicy": get_policy,
    "PutResourcePolicy": put_policy,
    "DeleteResourcePolicy": delete_policy,
    "ValidateResourcePolicy": validate_policy,
    "GetRandomPassword": get_random_password,
    "TagResource": tag,
    "UntagResource": untag,
}
