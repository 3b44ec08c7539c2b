"""People, and the log of what they did."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from access.actor import PersonRole


class User(AbstractUser):
    """A person who signs in. `role` alone decides what services allow."""

    ROLE_CHOICES = [
        (PersonRole.ADMINISTRATOR.value, _("Administrator")),
        (PersonRole.OPERATOR.value, _("Operator")),
        (PersonRole.VIEWER.value, _("Viewer")),
    ]

    role = models.CharField(_("role"), max_length=16, choices=ROLE_CHOICES, default=PersonRole.VIEWER.value)

    def save(self, *args: Any, **options: Any) -> None:
        # Django's admin asks these two; they follow the role, however the row is made.
        self.is_staff = self.is_superuser = self.role == PersonRole.ADMINISTRATOR
        if options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], "is_staff", "is_superuser"}
        super().save(*args, **options)

    @property
    def person_role(self) -> PersonRole:
        return PersonRole(self.role)


class AuditEntry(models.Model):
    """Who did what to which resource, when, from where. Values that were set are never in it."""

    at = models.DateTimeField(_("time"), auto_now_add=True)
    actor = models.CharField(_("who"), max_length=150)
    source = models.CharField(_("from where"), max_length=64)
    action = models.CharField(_("action"), max_length=64)  # `endpoints.create`
    resource_arn = models.CharField(_("resource"), max_length=2048, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["resource_arn", "-id"], name="audit_by_resource"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.resource_arn}"
