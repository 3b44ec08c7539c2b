"""Ingress endpoints: a policy, a rule set, an address and a name (SPEC §1, §3)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from policies.models import TrafficPolicy
from resources.models import Resource
from rulesets.models import RuleSet


class IngressEndpoint(Resource):
    PREFIX = "inp"
    ARN_TYPE = "mailmanager-ingress-point"

    class Type(models.TextChoices):
        OPEN = "OPEN", _("Open")
        AUTH = "AUTH", _("Authenticated")
        MTLS = "MTLS", _("mTLS")

    class TlsPolicy(models.TextChoices):
        REQUIRED = "REQUIRED", _("Required")
        OPTIONAL = "OPTIONAL", _("Optional")

    class Status(models.TextChoices):
        PROVISIONING = "PROVISIONING", _("Provisioning")
        ACTIVE = "ACTIVE", _("Active")
        UPDATING = "UPDATING", _("Updating")
        CLOSED = "CLOSED", _("Closed")
        FAILED = "FAILED", _("Failed")
        DEPROVISIONING = "DEPROVISIONING", _("Deprovisioning")

    type = models.CharField(_("type"), max_length=4, choices=Type.choices)
    tls_policy = models.CharField(_("TLS policy"), max_length=8, choices=TlsPolicy.choices)
    status = models.CharField(
        _("status"), max_length=14, choices=Status.choices, default=Status.PROVISIONING, db_index=True
    )
    status_reason = models.CharField(_("reason"), max_length=500, blank=True)  # logic.reasons, as text
    # Where it is led: PROVISIONING until its listener was seen, then ACTIVE or CLOSED.
    wished_status = models.CharField(max_length=14, choices=Status.choices, default=Status.ACTIVE)
    # The first two labels of the name; the zone follows the setting.
    record_label = models.CharField(_("name label"), max_length=32, unique=True, null=True, blank=True)

    traffic_policy = models.ForeignKey(
        TrafficPolicy, verbose_name=_("traffic policy"), on_delete=models.PROTECT, related_name="endpoints"
    )
    rule_set = models.ForeignKey(
        RuleSet, verbose_name=_("rule set"), on_delete=models.PROTECT, related_name="endpoints"
    )

    # An AUTH endpoint has either a secret or a password.
    secret_arn = models.CharField(_("secret ARN"), max_length=600, blank=True)
    # What kept it from its secret when that was last looked at (secret_check): readiness.Flaw, by spaces.
    secret_flaws = models.CharField(max_length=300, blank=True, editable=False)
    # Argon2id; the former one is good until `previous_password_expires_at`.
    password_hash = models.CharField(max_length=255, blank=True)
    password_version = models.PositiveIntegerField(default=0)
    previous_password_hash = models.CharField(max_length=255, blank=True)
    previous_password_expires_at = models.DateTimeField(null=True, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("ingress endpoint")
        verbose_name_plural = _("ingress endpoints")

    @property
    def a_record(self) -> str:
        """The host name that clients and MX records use; "" until it is provisioned."""
        return f"{self.record_label}.{zone_name()}" if self.record_label else ""


class TrustStore(models.Model):
    """Whose clients may send to an mTLS endpoint; apart from it, for it is up to a megabyte."""

    endpoint = models.OneToOneField(
        IngressEndpoint,
        verbose_name=_("ingress endpoint"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="trust_store",
    )
    ca_content = models.TextField(_("CA certificates"))  # PEM
    crl_content = models.TextField(_("certificate revocation lists"), blank=True)  # PEM; "" without

    class Meta:
        verbose_name = _("trust store")
        verbose_name_plural = _("trust stores")

    def __str__(self) -> str:
        return self.endpoint_id


def zone_name() -> str:
    """The zone that endpoints' names lie in, without a trailing dot."""
    return f"mail-manager-smtp.{settings.MAIL_DOMAIN}"


class EndpointAddress(models.Model):
    """An address of the pool that was given out. Free again when it belongs to none and has rested."""

    address = models.GenericIPAddressField(_("address"), primary_key=True)
    endpoint = models.ForeignKey(
        IngressEndpoint,
        verbose_name=_("ingress endpoint"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="addresses",
    )
    rests_until = models.DateTimeField(_("rests until"), null=True, blank=True)

    class Meta:
        verbose_name = _("endpoint address")
        verbose_name_plural = _("endpoint addresses")
        ordering = ["address"]
        constraints = [
            models.CheckConstraint(
                condition=Q(endpoint__isnull=True) | Q(rests_until__isnull=True),
                name="address_in_use_does_not_rest",
            )
        ]

    def __str__(self) -> str:
        return str(self.address)
