"""Django admin of secrets and keys: to look up only. No column here opens a value."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.read_only_admin import ReadOnlyAdmin
from secrets_store.models import EncryptionKey, KeyAlias, KeyMaterial, Secret, SecretVersion, VersionStage


class _ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class _AliasInline(_ReadOnlyInline):
    model = KeyAlias
    fields = ["name", "created_at"]
    readonly_fields = ["name", "created_at"]


class _VersionInline(_ReadOnlyInline):
    model = SecretVersion
    fields = ["version_id", "value_keys", "is_text", "created_at"]
    readonly_fields = ["version_id", "value_keys", "is_text", "created_at"]


class _StageInline(_ReadOnlyInline):
    model = VersionStage
    fields = ["name", "version"]


@admin.register(EncryptionKey)
class EncryptionKeyAdmin(ReadOnlyAdmin):
    list_display = ["id", "name", "manager", "state", "deletion_at", "created_at"]
    list_filter = ["state", "manager"]
    search_fields = ["id", "aliases__name", "description"]
    inlines = [_AliasInline]

    def view_on_site(self, key: EncryptionKey) -> str:
        return reverse("secrets_store:key", args=[key.pk])


@admin.register(KeyMaterial)
class KeyMaterialAdmin(ReadOnlyAdmin):
    list_display = ["key_id", "number", "created_at"]
    search_fields = ["=key__id"]
    exclude = ["wrapped"]


@admin.register(KeyAlias)
class KeyAliasAdmin(ReadOnlyAdmin):
    list_display = ["full_name", "key_id", "created_at"]
    search_fields = ["name", "=key__id"]


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    list_display = ["name", "arn", "key", "rotation_kind", "next_rotation_at", "deletion_at"]
    list_filter = ["rotation_kind", ("deletion_at", admin.EmptyFieldListFilter)]
    list_select_related = ["key"]
    search_fields = ["name", "description"]
    inlines = [_VersionInline, _StageInline]

    def view_on_site(self, secret: Secret) -> str:
        return reverse("secrets_store:secret", args=[secret.pk])


@admin.register(SecretVersion)
class SecretVersionAdmin(ReadOnlyAdmin):
    list_display = ["version_id", "secret", "created_at"]
    list_select_related = ["secret"]
    search_fields = ["=version_id", "secret__name"]
    fields = ["secret", "version_id", "value_keys", "is_text", "created_at"]
    readonly_fields = ["secret", "version_id", "value_keys", "is_text", "created_at"]


@admin.register(VersionStage)
class VersionStageAdmin(ReadOnlyAdmin):
    list_display = ["name", "secret", "version"]
    list_filter = ["name"]
    list_select_related = ["secret", "version"]
    search_fields = ["secret__name"]
    search_help_text = _("The secret's name.")
