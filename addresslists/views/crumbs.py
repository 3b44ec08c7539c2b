"""The way to a page of the room."""

from django.urls import reverse
from django.utils.translation import gettext as _

from addresslists.models import AddressList

NAV = "addresslists"


def crumbs(address_list: AddressList | None = None, *, last: str = "") -> list[tuple[str, str]]:
    way = [(_("Address lists"), reverse("addresslists:list"))]
    if address_list:
        way.append((address_list.name, reverse("addresslists:detail", args=[address_list.id])))
    if last:
        way.append((last, ""))
    name, _url = way[-1]
    return [*way[:-1], (name, "")]
