"""Rule sets: what to do with what was accepted (SPEC §5)."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from resources.fields import DocumentField
from resources.models import Resource


class RuleSet(Resource):
    PREFIX = "rs"
    ARN_TYPE = "mailmanager-rule-set"

    # `Rules` of the service model, as validated.
    rules = DocumentField(_("rules"), default=list, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("rule set")
        verbose_name_plural = _("rule sets")

    @property
    def document(self) -> dict[str, Any]:
        """What is versioned, compiled and evaluated, in the service model's words."""
        return {"Rules": self.rules}
