"""The kept versions of a resource's document: to look at, to compare, to restore, to save on top of."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.errors import Conflict, NotFound
from resources.models import DocumentVersion, Resource


def versions_of(resource: Resource) -> QuerySet[DocumentVersion]:
    """The newest first."""
    return DocumentVersion.objects.filter(resource_arn=resource.arn).order_by("-number")


def newest_version(resource: Resource) -> int:
    """0 for a resource that was stored past the services."""
    return versions_of(resource).values_list("number", flat=True).first() or 0


def former_versions(resource: Resource) -> list[int]:
    """Numbers of the kept versions but for the one in force, the newest first."""
    return list(versions_of(resource).values_list("number", flat=True)[1:])


def get_version(resource: Resource, number: int) -> DocumentVersion:
    """NotFound where it was never kept."""
    version = versions_of(resource).filter(number=number).first()
    if version is None:
        raise NotFound(_("%(name)s has no version %(number)d.") % {"name": resource.name, "number": number})
    return version


def require_newest(resource: Resource, based_on: int) -> None:
    """Conflict where somebody saved after the version that a change is based on, naming the person."""
    newest = versions_of(resource).first()
    if newest is not None and newest.number != based_on:
        raise Conflict(
            _("%(person)s saved version %(number)d in the meantime. Save again to replace it.")
            % {"person": newest.saved_by, "number": newest.number},
            path="based_on",
        )
