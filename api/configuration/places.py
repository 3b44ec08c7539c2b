"""Where mail is put: local mailboxes and buckets, without what lies in them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from access.actor import Actor
from api.call import Document
from api.tag_members import tag_list, tags_from
from destinations import services
from destinations.models import Bucket, Mailbox
from resources.services import change_tags, tags_of

_PARAMETERS = {"Kind": "kind", "LmtpHost": "lmtp_host", "LmtpPort": "lmtp_port"}


class Mailboxes:
    section = "Mailboxes"
    word = "mailbox"
    name_member = "MailboxName"
    identifier_members: Sequence[str] = ("MailboxId", "MailboxArn")
    fixed_members: Sequence[str] = ("Kind",)
    types: Mapping[str, type] = MappingProxyType(
        {"Kind": str, "LmtpHost": str, "LmtpPort": int, "Tags": list}
    )

    def entries(self) -> list[Document]:
        return [self._entry(mailbox) for mailbox in Mailbox.objects.order_by("name")]

    def create(self, actor: Actor, wanted: Document) -> None:
        services.create_mailbox(
            actor,
            name=wanted["MailboxName"],
            **{parameter: wanted[name] for name, parameter in _PARAMETERS.items() if name in wanted},
            tags=tags_from(wanted),
        )

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        wishes = {_PARAMETERS[name]: value for name, value in changes.items() if name != "Tags"}
        if "Tags" in changes:
            wishes["tags"] = tags_from(dict(changes))
        services.update_mailbox(actor, current["MailboxId"], **wishes)

    def _entry(self, mailbox: Mailbox) -> Document:
        entry: Document = {
            "MailboxId": mailbox.id,
            "MailboxArn": mailbox.arn,
            "MailboxName": mailbox.name,
            "Kind": mailbox.kind,
            "LmtpHost": mailbox.lmtp_host,
            "LmtpPort": mailbox.lmtp_port,
            "Tags": tag_list(tags_of(mailbox.arn)),
        }
        return {name: value for name, value in entry.items() if value}


class Buckets:
    section = "Buckets"
    word = "bucket"
    name_member = "Bucket"
    identifier_members: Sequence[str] = ("BucketArn",)
    fixed_members: Sequence[str] = ()
    types: Mapping[str, type] = MappingProxyType({"Tags": list})

    def entries(self) -> list[Document]:
        return [
            {
                "BucketArn": bucket.arn,
                "Bucket": bucket.name,
                **({"Tags": tag_list(tags)} if (tags := tags_of(bucket.arn)) else {}),
            }
            for bucket in Bucket.objects.order_by("name")
        ]

    def create(self, actor: Actor, wanted: Document) -> None:
        services.create_bucket(actor, name=wanted["Bucket"], tags=tags_from(wanted))

    def update(self, actor: Actor, current: Document, changes: Mapping[str, Any]) -> None:
        change_tags(actor, current["BucketArn"], tags_from(dict(changes)))
