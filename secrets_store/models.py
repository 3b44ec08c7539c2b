"""Encryption keys and secrets. No column of these tables opens anything without the root key."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.identifiers import Arn
from resources.fields import DocumentField


class EncryptionKey(models.Model):
    """Wraps the data keys of secrets. Its material, wrapped by the root key, is in KeyMaterial."""

    class State(models.TextChoices):
        ENABLED = "Enabled", _("Enabled")
        DISABLED = "Disabled", _("Disabled")
        PENDING_DELETION = "PendingDeletion", _("Pending deletion")

    class Manager(models.TextChoices):
        CUSTOMER = "CUSTOMER", _("Customer managed")
        SERVICE = "AWS", _("Managed by Mail Manager")

    id = models.CharField(_("key ID"), primary_key=True, max_length=36, editable=False)
    description = models.CharField(_("description"), max_length=8192, blank=True)
    manager = models.CharField(
        _("manager"), max_length=8, choices=Manager.choices, default=Manager.CUSTOMER, editable=False
    )
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.ENABLED)
    deletion_at = models.DateTimeField(_("deletion"), null=True, blank=True)
    policy = DocumentField(_("key policy"))
    # None: the material is rotated by hand only.
    rotation_period_days = models.PositiveIntegerField(_("rotation period"), null=True, blank=True)
    next_rotation_at = models.DateTimeField(_("next rotation"), null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("encryption key")
        verbose_name_plural = _("encryption keys")
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="PendingDeletion", deletion_at__isnull=False)
                | (~Q(state="PendingDeletion") & Q(deletion_at__isnull=True)),
                name="key_pending_deletion_has_a_time",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """`alias/…` where it has one, else the ID."""
        return next((alias.full_name for alias in self.aliases.all()), self.id)

    @property
    def arn(self) -> str:
        return str(Arn("kms", settings.REGION, settings.ACCOUNT_ID, f"key/{self.id}"))

    @property
    def is_customer_managed(self) -> bool:
        return self.manager == self.Manager.CUSTOMER


class KeyAlias(models.Model):
    """A name for a key, without the `alias/` that it is written with."""

    name = models.CharField(_("alias"), primary_key=True, max_length=250)
    key = models.ForeignKey(EncryptionKey, on_delete=models.CASCADE, related_name="aliases")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("alias")
        verbose_name_plural = _("aliases")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"alias/{self.name}"


class KeyMaterial(models.Model):
    """The newest number encrypts; all of them decrypt, so that old ciphertexts still open."""

    key = models.ForeignKey(EncryptionKey, on_delete=models.CASCADE, related_name="materials")
    number = models.PositiveIntegerField()
    wrapped = models.BinaryField()  # secrets_store.root_key
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("key material")
        verbose_name_plural = _("key material")
        ordering = ["key_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["key", "number"], name="key_material_once")]

    def __str__(self) -> str:
        return f"{self.key_id} #{self.number}"


class Secret(models.Model):
    class RotationKind(models.TextChoices):
        GENERATED = "GENERATED", _("A new generated password")
        FUNCTION = "FUNCTION", _("An HTTP function")

    name = models.CharField(_("name"), max_length=512, unique=True)
    # Six letters and digits at the end of the ARN: a new secret of an old name has another ARN.
    arn_suffix = models.CharField(max_length=6, editable=False)
    description = models.CharField(_("description"), max_length=2048, blank=True)
    key = models.ForeignKey(
        EncryptionKey, verbose_name=_("encryption key"), on_delete=models.PROTECT, related_name="secrets"
    )
    policy = DocumentField(_("resource permissions"), null=True, blank=True)
    rotation_kind = models.CharField(_("rotation"), max_length=9, choices=RotationKind.choices, blank=True)
    rotation_schedule = models.CharField(_("schedule"), max_length=256, blank=True)  # rate(…) or cron(…)
    rotation_function = models.CharField(_("function"), max_length=2048, blank=True)
    next_rotation_at = models.DateTimeField(_("next rotation"), null=True, blank=True, db_index=True)
    last_rotated_at = models.DateTimeField(_("last rotation"), null=True, blank=True)
    rotation_problem = models.CharField(_("rotation problem"), max_length=500, blank=True)
    deletion_at = models.DateTimeField(_("deletion"), null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)
    last_accessed_at = models.DateTimeField(_("last retrieved"), null=True, blank=True)

    class Meta:
        verbose_name = _("secret")
        verbose_name_plural = _("secrets")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        resource = f"secret:{self.name}-{self.arn_suffix}"
        return str(Arn("secretsmanager", settings.REGION, settings.ACCOUNT_ID, resource))

    @property
    def document(self) -> dict[str, Any]:
        """DescribeSecret's shape, without what is on its way."""
        return {
            "ARN": self.arn,
            "Name": self.name,
            "Description": self.description,
            "KmsKeyId": self.key.arn,
            "RotationEnabled": bool(self.rotation_kind),
        }


class SecretVersion(models.Model):
    """One value. `sealed` is under a data key of its own, which `wrapped_data_key` holds wrapped."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="versions")
    version_id = models.CharField(_("version ID"), max_length=64)
    sealed = models.BinaryField()
    wrapped_data_key = models.BinaryField()  # services.keys.encrypt
    is_text = models.BooleanField(default=True)  # SecretString, not SecretBinary
    # What can be known of the value without opening it: the names in a JSON object, and, for AUTH,
    # the Argon2id hash of its `password`, as endpoints keep their own (endpoints never decrypt).
    value_keys = models.JSONField(default=list)
    password_hash = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("secret version")
        verbose_name_plural = _("secret versions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["secret", "version_id"], name="secret_version_once"),
        ]

    def __str__(self) -> str:
        return self.version_id


class VersionStage(models.Model):
    """A label on a version: AWSCURRENT, AWSPREVIOUS, AWSPENDING or one's own. Each at one version."""

    CURRENT = "AWSCURRENT"
    PREVIOUS = "AWSPREVIOUS"
    PENDING = "AWSPENDING"

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="stages")
    version = models.ForeignKey(SecretVersion, on_delete=models.CASCADE, related_name="stages")
    name = models.CharField(max_length=256)

    class Meta:
        verbose_name = _("stage")
        verbose_name_plural = _("stages")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["secret", "name"], name="stage_once_a_secret")]

    def __str__(self) -> str:
        return self.name
