"""Where actions put mail, and the roles through which they reach it (SPEC §2, §5)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.identifiers import Arn
from resources.models import Resource


class Role(models.Model):
    """How an action reaches what it acts on. The local role is there from the first start."""

    LOCAL_NAME = "mail-manager-local"

    name = models.CharField(_("name"), primary_key=True, max_length=64)
    description = models.CharField(_("description"), max_length=256, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return role_arn(self.name)

    @property
    def is_local(self) -> bool:
        return self.name == self.LOCAL_NAME


def role_arn(name: str) -> str:
    return str(Arn("iam", "", settings.ACCOUNT_ID, f"role/{name}"))


class Bucket(models.Model):
    """A local bucket: objects are files under `<data dir>/buckets/<name>/`."""

    name = models.CharField(_("name"), primary_key=True, max_length=62)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("bucket")
        verbose_name_plural = _("buckets")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return str(Arn("s3", "", "", self.name))

    @property
    def parts(self) -> tuple[str, ...]:
        """Its directory, below the data directory."""
        return ("buckets", self.name)


class Mailbox(Resource):
    """What `DeliverToMailbox` delivers into: a Maildir of ours, or an LMTP server."""

    PREFIX = "mb"
    ARN_TYPE = "mailbox"

    class Kind(models.TextChoices):
        MAILDIR = "MAILDIR", _("Maildir")
        LMTP = "LMTP", _("LMTP server")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.MAILDIR)
    lmtp_host = models.CharField(_("LMTP host"), max_length=255, blank=True)
    lmtp_port = models.PositiveIntegerField(_("LMTP port"), null=True, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")

    @property
    def parts(self) -> tuple[str, ...]:
        """The Maildir, below the data directory; the name is safe as a file name by validation."""
        return ("mailboxes", self.name)
