"""What is kept beside resources, to look at and to search: services alone write it."""

from django.contrib import admin

from console.read_only_admin import ReadOnlyAdmin
from resources.models import Configuration, DocumentVersion, Reference, Tag


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ["resource_arn", "key", "value"]
    list_filter = ["key"]
    search_fields = ["resource_arn", "key", "value"]


@admin.register(DocumentVersion)
class DocumentVersionAdmin(ReadOnlyAdmin):
    list_display = ["resource_arn", "number", "saved_by", "saved_at"]
    list_filter = ["saved_by", "saved_at"]
    search_fields = ["resource_arn", "saved_by"]


@admin.register(Reference)
class ReferenceAdmin(ReadOnlyAdmin):
    list_display = ["source_name", "source_arn", "target_arn"]
    search_fields = ["source_name", "source_arn", "target_arn"]


@admin.register(Configuration)
class ConfigurationAdmin(ReadOnlyAdmin):
    list_display = ["id", "version"]
