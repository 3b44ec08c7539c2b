"""Django admin shows secrets and keys, changes none, and shows no value, wrapped or hashed."""

import base64

import pytest
from django.contrib import admin
from django.urls import reverse

from secrets_store.models import EncryptionKey, KeyAlias, KeyMaterial, Secret, SecretVersion, VersionStage
from tests.secrets_store.conftest import PASSWORD

MODELS = [EncryptionKey, KeyAlias, KeyMaterial, Secret, SecretVersion, VersionStage]


@pytest.mark.parametrize("model", MODELS)
def test_rows_are_shown_and_searched_and_not_changed(owner, secret, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model.objects.first()
    listed = owner.get(reverse(f"{name}_changelist"), {"q": "a"})
    shown = owner.get(reverse(f"{name}_change", args=[row.pk]))
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert owner.get(reverse(f"{name}_add")).status_code == 403
    assert owner.get(reverse(f"{name}_delete", args=[row.pk])).status_code == 403
    version = SecretVersion.objects.get()
    for hidden in (PASSWORD, version.password_hash, base64.b64encode(bytes(version.sealed)).decode()):
        assert hidden not in shown.content.decode()


def test_every_model_is_there():
    assert {model for model in MODELS if admin.site.is_registered(model)} == set(MODELS)
