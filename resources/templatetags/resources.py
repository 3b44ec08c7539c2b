"""What the panels below every resource show."""

from dataclasses import dataclass

from django import template
from django.urls import reverse

from resources.models import DocumentVersion, Reference, Resource
from resources.services import tags_of, users_of

register = template.Library()

SHOWN_VERSIONS = 10


@dataclass(frozen=True, slots=True)
class Panels:
    tags: dict[str, str]
    users: list[Reference]
    versions: list[DocumentVersion]
    version_count: int
    tags_url: str
    compare_url: str

    @property
    def tag_count(self) -> int:
        return len(self.tags)

    @property
    def user_count(self) -> int:
        return len(self.users)


@register.simple_tag
def panels_of(resource: Resource) -> Panels:
    versions = list(
        DocumentVersion.objects.filter(resource_arn=resource.arn).defer("document")[:SHOWN_VERSIONS]
    )
    return Panels(
        tags=tags_of(resource.arn),
        users=users_of(resource.arn),
        versions=versions,
        version_count=versions[0].number if versions else 0,
        tags_url=reverse("resources:tags", args=[resource.arn]),
        compare_url=reverse("resources:compare", args=[resource.arn]),
    )
