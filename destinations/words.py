"""Mailboxes and buckets told: what is in them, and how rules name them."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.units import format_size
from destinations.files import Fill
from destinations.models import Bucket, Mailbox, Role, role_arn


def fill_in_words(fill: Fill) -> str:
    """`3 (12 KB)`; `more than 20,000 (1 GB)` where counting ended early."""
    told = {"count": f"{fill.count:,}", "size": format_size(fill.size_bytes)}
    if fill.is_complete:
        return _("%(count)s (%(size)s)") % told
    return _("more than %(count)s (%(size)s)") % told


def messages_in_words(fill: Fill) -> str:
    """For a checkbox: the messages that would go."""
    return ngettext(
        "Delete the %(count)d message in it too", "Delete the %(count)d messages in it too", fill.count
    ) % {"count": fill.count}


def objects_in_words(fill: Fill) -> str:
    return ngettext(
        "Delete the %(count)d object in it too", "Delete the %(count)d objects in it too", fill.count
    ) % {"count": fill.count}


def server_of(mailbox: Mailbox) -> str:
    """ "" of a Maildir."""
    if not mailbox.lmtp_host:
        return ""
    host = f"[{mailbox.lmtp_host}]" if ":" in mailbox.lmtp_host else mailbox.lmtp_host
    return f"{host}:{mailbox.lmtp_port}"


def mailbox_action(mailbox: Mailbox) -> dict[str, Any]:
    """The action of a rule that delivers into the mailbox."""
    return {"DeliverToMailbox": {"MailboxArn": mailbox.name, "RoleArn": role_arn(Role.LOCAL_NAME)}}


def bucket_action(bucket: Bucket) -> dict[str, Any]:
    """The action of a rule that writes into the bucket."""
    return {"WriteToS3": {"S3Bucket": bucket.name, "S3Prefix": "mail", "RoleArn": role_arn(Role.LOCAL_NAME)}}
