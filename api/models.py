"""What the API itself keeps: access keys, and answers that a repeated request must get again."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AccessKey(models.Model):
    """Signs requests in a person's name. The secret is shown once only."""

    class Status(models.TextChoices):
        ACTIVE = "Active", _("Active")
        INACTIVE = "Inactive", _("Inactive")

    id = models.CharField(_("access key ID"), primary_key=True, max_length=20)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="access_keys"
    )
    sealed_secret = models.BinaryField()  # under the default encryption key
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("access key")
        verbose_name_plural = _("access keys")
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.id

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class Answered(models.Model):
    """The answer to a request with a ClientToken: the same one again makes nothing a second time."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    operation = models.CharField(max_length=100)  # `mailmanager.CreateRelay`
    token = models.CharField(max_length=128)
    input_digest = models.CharField(max_length=64)  # HMAC-SHA-256 of the input without the token
    output = models.JSONField()
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [
            models.UniqueConstraint(fields=["user", "operation", "token"], name="answered_once"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.token}"
