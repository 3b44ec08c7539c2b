"""SMTP relays: hosts that mail is handed on to."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from resources.models import Resource


class Relay(Resource):
    PREFIX = "r"
    ARN_TYPE = "mailmanager-smtp-relay"

    class Tls(models.TextChoices):
        OPTIONAL = "OPTIONAL", _("When offered")
        REQUIRED = "REQUIRED", _("Required")

    server_name = models.CharField(_("server name"), max_length=100)
    server_port = models.PositiveIntegerField(
        _("server port"), validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    # Beyond the service model, which leaves it open: REQUIRED refuses to send in the clear.
    tls = models.CharField(_("TLS"), max_length=8, choices=Tls.choices, default=Tls.OPTIONAL)

    secret_arn = models.CharField(_("secret ARN"), max_length=600, blank=True)  # "": no authentication

    class Meta(Resource.Meta):
        verbose_name = _("SMTP relay")
        verbose_name_plural = _("SMTP relays")
