"""Address lists: addresses, and patterns of them, that policies and rules ask about (SPEC §6)."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.identifiers import random_text
from resources.models import Resource


def new_base_key() -> str:
    return random_text(12)


class AddressList(Resource):
    """`version` grows with each change of the members. An index is made of what they were at
    `base_version`, or later; `MemberChange` has what changed one by one since. `base_key` is that index's
    alone: a database that was put back to an earlier day numbers its versions again."""

    PREFIX = "al"
    ARN_TYPE = "mailmanager-address-list"

    name = models.CharField(_("name"), max_length=255, unique=True)  # the service's bound
    version = models.PositiveBigIntegerField(_("version"), default=1, editable=False)
    base_version = models.PositiveBigIntegerField(_("version of the index"), default=1, editable=False)
    base_key = models.CharField(max_length=12, default=new_base_key, editable=False)
    member_count = models.PositiveBigIntegerField(_("addresses"), default=0, editable=False)

    class Meta(Resource.Meta):
        verbose_name = _("address list")
        verbose_name_plural = _("address lists")


class Member(models.Model):
    """One entry of a list, canonical (addresslists.logic.members)."""

    list = models.ForeignKey(
        AddressList, verbose_name=_("address list"), on_delete=models.CASCADE, db_index=False
    )
    # In PostgreSQL compared byte by byte (migration 0001), as SQLite does: prefixes are ranges.
    address = models.CharField(_("address"), max_length=320)
    added_at = models.DateTimeField(_("added"), default=timezone.now)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["list", "address"], name="member_once_a_list")]

    def __str__(self) -> str:
        return self.address


class MemberChange(models.Model):
    """One member came or went after the list's `base_version`."""

    list = models.ForeignKey(
        AddressList, verbose_name=_("address list"), on_delete=models.CASCADE, db_index=False
    )
    version = models.PositiveBigIntegerField(_("version"))
    address = models.CharField(_("address"), max_length=320)
    is_member = models.BooleanField(_("added"))  # else it was removed

    class Meta:
        verbose_name = _("change of an address list")
        verbose_name_plural = _("changes of address lists")
        ordering = ["list", "version"]
        constraints = [models.UniqueConstraint(fields=["list", "version"], name="member_change_once")]

    def __str__(self) -> str:
        return f"{'+' if self.is_member else '-'}{self.address}"


class ImportJob(models.Model):
    """Adds the addresses of an uploaded file to a list, in batches, by a worker.

    CREATED → PROCESSING (start) → COMPLETED, FAILED or STOPPED (stop, also before it is started).
    `position` and `number` say how far the file is done; who works on it renews `leased_until`.
    """

    class Kind(models.TextChoices):
        CSV = "CSV", "CSV"
        JSON = "JSON", "JSON"

    class Status(models.TextChoices):
        CREATED = "CREATED", _("Created")
        PROCESSING = "PROCESSING", _("Processing")
        COMPLETED = "COMPLETED", _("Completed")
        FAILED = "FAILED", _("Failed")
        STOPPED = "STOPPED", _("Stopped")

    PREFIX = "job"

    id = models.CharField(_("ID"), primary_key=True, max_length=64, editable=False)
    list = models.ForeignKey(
        AddressList, verbose_name=_("address list"), on_delete=models.CASCADE, related_name="imports"
    )
    name = models.CharField(_("name"), max_length=255)
    kind = models.CharField(_("format"), max_length=4, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.CREATED)
    upload = models.CharField(max_length=32, blank=True, editable=False)  # which of its files counts; "" none
    size_bytes = models.PositiveBigIntegerField(_("size"), default=0)
    position = models.PositiveBigIntegerField(default=0, editable=False)  # in bytes
    number = models.PositiveBigIntegerField(default=0, editable=False)  # of the last line or item
    imported_count = models.PositiveBigIntegerField(_("imported"), default=0)  # new or there already
    added_count = models.PositiveBigIntegerField(_("new"), default=0)
    failed_count = models.PositiveBigIntegerField(_("refused"), default=0)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("import job")
        verbose_name_plural = _("import jobs")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_moving(self) -> bool:
        return self.status == self.Status.PROCESSING


class ImportChunk(models.Model):
    """A piece of an uploaded file, in the database so that any worker can read it; gone when it is read."""

    SIZE_BYTES = 512 * 1024  # of each but the last

    job = models.ForeignKey(
        ImportJob,
        verbose_name=_("import job"),
        on_delete=models.CASCADE,
        related_name="chunks",
        db_index=False,
    )
    upload = models.CharField(max_length=32)
    number = models.PositiveIntegerField(_("number"))
    content = models.BinaryField()

    class Meta:
        verbose_name = _("piece of an import")
        verbose_name_plural = _("pieces of imports")
        constraints = [
            models.UniqueConstraint(fields=["job", "upload", "number"], name="import_chunk_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.number}"


class RefusedEntry(models.Model):
    """A line or item of an import that was left out, and why; the first MAX_KEPT of a job are kept."""

    MAX_KEPT = 10_000

    job = models.ForeignKey(
        ImportJob,
        verbose_name=_("import job"),
        on_delete=models.CASCADE,
        related_name="refused",
        db_index=False,
    )
    number = models.PositiveBigIntegerField(_("number"))
    text = models.CharField(_("text"), max_length=200)
    reason = models.CharField(_("reason"), max_length=255)

    class Meta:
        verbose_name = _("refused entry of an import")
        verbose_name_plural = _("refused entries of imports")
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="refused_entry_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.text}"
