"""Address lists: addresses, and patterns of them, that policies and rules ask about (SPEC §6)."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from resources.models import Resource


class AddressList(Resource):
    """`version` grows with each change of the members. An index is made of what they were at
    `base_version`, or later; `MemberChange` has what changed one by one since."""

    PREFIX = "al"
    ARN_TYPE = "mailmanager-address-list"

    name = models.CharField(_("name"), max_length=255, unique=True)  # the service's bound
    version = models.PositiveBigIntegerField(_("version"), default=1, editable=False)
    base_version = models.PositiveBigIntegerField(_("version of the index"), default=1, editable=False)
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
