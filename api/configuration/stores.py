"""Encryption keys and secrets, without what they keep: neither material nor values leave here."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from access.actor import Actor
from api.call import Document
from api.tag_members import tag_list, tags_from
from resources.services import change_tags, tags_of
from secrets_store.models import EncryptionKey, Secret
from secrets_store.services import keys, rotation, secrets


class Keys:
    """Customer managed keys, found again by their first alias. One without an alias has no name that
    holds on another installation, and is left out."""

    section = "Keys"
    word = "encryption key"
    name_member = "AliasName"
    identifier_members: Sequence[str] = ("KeyId", "Arn")
    fixed_members: Sequence[str] = ()
    types: Mapping[str, type] = MappingProxyType(
        {"Description": str, "Policy": dict, "RotationPeriodInDays": int, "Tags": list}
    )

    def entries(self) -> list[Document]:
        found = EncryptionKey.objects.filter(
            manager=EncryptionKey.Manager.CUSTOMER, aliases__isnull=False, deletion_at__isnull=True
        )
        entries = [self._entry(key) for key in found.distinct().prefetch_related("aliases")]
        return sorted(entries, key=lambda entry: entry["AliasName"])

    def create(self, actor: Actor, wanted: Document) -> None:
        key = keys.create(
            actor,
            alias=wanted["AliasName"].removeprefix("alias/"),
            description=wanted.get("Description", ""),
            tags=tags_from(wanted),
        )
        left: Document = {}
        if "Policy" in wanted:
            # It may name the key that it belongs to, which has an ARN of its own now only.
            text = json.dumps(wanted["Policy"])
            left["Policy"] = json.loads(text.replace(wanted["Arn"], key.arn) if "Arn" in wanted else text)
        if "RotationPeriodInDays" in wanted:
            left["RotationPeriodInDays"] = wanted["RotationPeriodInDays"]
        self.update(actor, {"KeyId": key.pk, "Arn": key.arn}, left)

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        key_id = current["KeyId"]
        for name, value in changes.items():
            match name:
                case "Description":
                    keys.set_description(actor, key_id, value)
                case "Policy":
                    keys.set_policy(actor, key_id, value)
                case "RotationPeriodInDays":
                    keys.set_rotation(actor, key_id, period_days=value)
                case "Tags":
                    change_tags(actor, current["Arn"], tags_from({"Tags": value}))

    def _entry(self, key: EncryptionKey) -> Document:
        aliases = sorted(alias.full_name for alias in key.aliases.all())
        return {
            "KeyId": key.pk,
            "Arn": key.arn,
            "AliasName": aliases[0],
            "Description": key.description,
            "Policy": key.policy,
            **({"RotationPeriodInDays": key.rotation_period_days} if key.rotation_period_days else {}),
            **({"Tags": tag_list(tags)} if (tags := tags_of(key.arn)) else {}),
        }


class Secrets:
    """Without their values: a new secret has none until somebody gives it one."""

    section = "Secrets"
    word = "secret"
    name_member = "Name"
    identifier_members: Sequence[str] = ("ARN",)
    fixed_members: Sequence[str] = ()
    types: Mapping[str, type] = MappingProxyType(
        {"Description": str, "KmsKeyId": str, "ResourcePolicy": dict, "Rotation": dict, "Tags": list}
    )

    def entries(self) -> list[Document]:
        found = Secret.objects.filter(deletion_at__isnull=True).select_related("key").order_by("name")
        return [self._entry(secret) for secret in found]

    def create(self, actor: Actor, wanted: Document) -> None:
        secret = secrets.create(
            actor,
            name=wanted["Name"],
            key_id=wanted.get("KmsKeyId", ""),
            description=wanted.get("Description", ""),
            policy=wanted.get("ResourcePolicy"),
            tags=tags_from(wanted),
        )
        if "Rotation" in wanted:
            self.update(actor, {"ARN": secret.arn}, {"Rotation": wanted["Rotation"]})

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        arn = current["ARN"]
        for name, value in changes.items():
            match name:
                case "Description":
                    secrets.update(actor, arn, description=value)
                case "KmsKeyId":
                    secrets.update(actor, arn, key_id=value)
                case "ResourcePolicy":
                    secrets.set_policy(actor, arn, value)
                case "Rotation":
                    rotation.configure(
                        actor,
                        arn,
                        kind=value.get("Kind", ""),
                        schedule=value.get("ScheduleExpression", ""),
                        function=value.get("RotationLambdaARN", ""),
                    )
                case "Tags":
                    change_tags(actor, arn, tags_from({"Tags": value}))

    def _entry(self, secret: Secret) -> Document:
        entry = {
            "ARN": secret.arn,
            "Name": secret.name,
            "Description": secret.description,
            "KmsKeyId": secret.key.arn if secret.key.is_customer_managed else "",
            "ResourcePolicy": secret.policy,
            "Rotation": {
                "Kind": secret.rotation_kind,
                "ScheduleExpression": secret.rotation_schedule,
                "RotationLambdaARN": secret.rotation_function,
            }
            if secret.rotation_kind
            else None,
            "Tags": tag_list(tags_of(secret.arn)),
        }
        return {name: value for name, value in entry.items() if value}
