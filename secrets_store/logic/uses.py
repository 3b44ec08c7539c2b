"""What reads secrets: which keys each use needs in the value, and which statements its policies need.

Source: service guide, “Permission policies for Mail Manager” (reference/mail-manager-facts.md §11).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SERVICE_PRINCIPAL = "ses.amazonaws.com"
POLICY_VERSION = "2012-10-17"


class Use(StrEnum):
    ENDPOINT = "endpoint"
    RELAY = "relay"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Need:
    """`value_keys`: exactly these keys; a use of keys alone has none. `sid`: of its statements."""

    arn_type: str
    id_prefix: str
    sid: str
    value_keys: tuple[str, ...]
    secret_actions: tuple[str, ...]
    key_actions: tuple[str, ...]


NEEDS: dict[Use, Need] = {
    Use.ENDPOINT: Need(
        "mailmanager-ingress-point",
        "inp",
        "AllowIngressEndpoints",
        ("password",),
        ("secretsmanager:GetSecretValue",),
        ("kms:Decrypt",),
    ),
    Use.RELAY: Need(
        "mailmanager-smtp-relay",
        "r",
        "AllowSmtpRelays",
        ("username", "password"),
        ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
        ("kms:Decrypt", "kms:DescribeKey"),
    ),
    Use.ARCHIVE: Need(
        "mailmanager-archive",
        "a",
        "AllowArchives",
        (),
        (),
        ("kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"),
    ),
}


def secret_statement(use: Use, *, region: str, account: str) -> dict[str, Any]:
    """The statement that a secret's resource policy needs for `use`."""
    need = NEEDS[use]
    return {
        "Sid": need.sid,
        "Effect": "Allow",
        "Principal": {"Service": SERVICE_PRINCIPAL},
        "Action": _one_or_list(need.secret_actions),
        "Resource": "*",
        "Condition": _source_condition(need, region, account),
    }


def key_statement(use: Use, *, region: str, account: str) -> dict[str, Any]:
    """The statement that a key's policy needs for `use`."""
    need = NEEDS[use]
    condition = _source_condition(need, region, account)
    if need.secret_actions:  # read through the secrets' service, not directly
        condition["StringEquals"]["kms:ViaService"] = via_service(region)
    return {
        "Sid": need.sid,
        "Effect": "Allow",
        "Principal": {"Service": SERVICE_PRINCIPAL},
        "Action": _one_or_list(need.key_actions),
        "Resource": "*",
        "Condition": condition,
    }


def secret_policy(use: Use, *, region: str, account: str) -> dict[str, Any]:
    return {"Version": POLICY_VERSION, "Statement": [secret_statement(use, region=region, account=account)]}


def key_policy(*, account: str, administrators: list[str], users: list[str]) -> dict[str, Any]:
    """A new key's policy: the account itself, then its administrators and its users (ARNs)."""
    statements: list[dict[str, Any]] = [
        {
            "Sid": "EnableAccountPermissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    for sid, principals, actions in (
        ("AllowKeyAdministration", administrators, KEY_ADMINISTRATION),
        ("AllowKeyUse", users, KEY_USE),
    ):
        if principals:
            statements.append(
                {
                    "Sid": sid,
                    "Effect": "Allow",
                    "Principal": {"AWS": _one_or_list(tuple(principals))},
                    "Action": list(actions),
                    "Resource": "*",
                }
            )
    return {"Version": POLICY_VERSION, "Id": "key-consolepolicy-3", "Statement": statements}


KEY_ADMINISTRATION = (
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
)
KEY_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")


def via_service(region: str) -> str:
    return f"secretsmanager.{region}.amazonaws.com"


def _source_condition(need: Need, region: str, account: str) -> dict[str, dict[str, str]]:
    source = f"arn:aws:ses:{region}:{account}:{need.arn_type}/*"
    return {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": source}}


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
