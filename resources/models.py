"""What all resources share: identity, tags, versions, references, and the configuration's version."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.identifiers import Arn, new_id
from resources.fields import DocumentField
from resources.links import page_of


class Resource(models.Model):
    """Base of everything that has an ID, a name and an ARN (SPEC §2)."""

    PREFIX: ClassVar[str]  # of the ID: "tp"
    ARN_TYPE: ClassVar[str]  # "mailmanager-traffic-policy"
    ARN_SERVICE: ClassVar[str] = "ses"

    id = models.CharField(_("ID"), primary_key=True, max_length=64, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        if not self.id:
            self.id = new_id(self.PREFIX)
        super().save(**options)

    @property
    def arn(self) -> str:
        return arn_of(self.ARN_TYPE, self.id, service=self.ARN_SERVICE)


def arn_of(arn_type: str, resource_id: str, *, service: str = "ses") -> str:
    return str(Arn(service, settings.REGION, settings.ACCOUNT_ID, f"{arn_type}/{resource_id}"))


class Tag(models.Model):
    resource_arn = models.CharField(max_length=255)
    key = models.CharField(max_length=128)
    value = models.CharField(max_length=256, blank=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["resource_arn", "key"]
        constraints = [models.UniqueConstraint(fields=["resource_arn", "key"], name="tag_once_a_key")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class DocumentVersion(models.Model):
    """A saved state of a resource's document, kept so that any can be compared and restored."""

    resource_arn = models.CharField(max_length=255)
    number = models.PositiveIntegerField()  # 1, 2, … for each resource
    document = DocumentField()
    saved_by = models.CharField(max_length=150)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("document version")
        verbose_name_plural = _("document versions")
        ordering = ["resource_arn", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["resource_arn", "number"], name="document_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_arn} v{self.number}"


class Reference(models.Model):
    """A document of `source_arn` names `target_arn`: what is named so can't be deleted."""

    source_arn = models.CharField(max_length=255)
    source_name = models.CharField(max_length=100)
    target_arn = models.CharField(max_length=255, db_index=True)

    class Meta:
        verbose_name = _("reference")
        verbose_name_plural = _("references")
        constraints = [
            models.UniqueConstraint(fields=["source_arn", "target_arn"], name="reference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.source_arn} → {self.target_arn}"

    @property
    def source_url(self) -> str:
        """Its page in the console, "" without one."""
        return page_of(self.source_arn)


class Configuration(models.Model):
    """One row: the number that every change to what ingress or worker hold in memory adds one to."""

    ROW_ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ROW_ID)
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("configuration")
        verbose_name_plural = _("configuration")

    def __str__(self) -> str:
        return f"version {self.version}"
