"""Traffic policies: whom to refuse (SPEC §4)."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from resources.fields import DocumentField
from resources.models import Resource


class DefaultAction(models.TextChoices):
    ALLOW = "ALLOW", _("Allow")
    DENY = "DENY", _("Deny")


class TrafficPolicy(Resource):
    PREFIX = "tp"
    ARN_TYPE = "mailmanager-traffic-policy"

    default_action = models.CharField(_("default action"), max_length=5, choices=DefaultAction.choices)
    max_message_size_bytes = models.PositiveBigIntegerField(_("maximum message size"), null=True, blank=True)
    # `PolicyStatements` of the service model, as validated.
    statements = DocumentField(_("policy statements"), default=list, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("traffic policy")
        verbose_name_plural = _("traffic policies")

    @property
    def document(self) -> dict[str, Any]:
        """What is versioned, compiled and evaluated, in the service model's words."""
        document = {"DefaultAction": self.default_action, "PolicyStatements": self.statements}
        if self.max_message_size_bytes is not None:
            document["MaxMessageSizeBytes"] = self.max_message_size_bytes
        return document
