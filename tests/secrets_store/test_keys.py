"""Encryption keys: life, material, aliases, and a policy that protects its own author."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.actor import Actor, PersonRole
from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound
from secrets_store.logic import uses
from secrets_store.models import EncryptionKey, KeyMaterial
from secrets_store.services import key_material, keys, values

State = EncryptionKey.State


def test_key_is_found_by_id_arn_and_alias(key):
    alias_arn = key.arn.replace(f"key/{key.pk}", "alias/mail")
    for name in (key.pk, key.arn, "alias/mail", alias_arn):
        assert keys.get(name) == key
    assert key.name == "alias/mail"
    with pytest.raises(NotFound):
        keys.get(key.arn.replace("123456789012", "999999999999"))


def test_old_ciphertexts_open_after_rotation(actor, key):
    old = key_material.encrypt(key, b"plain", {"SecretARN": "x"})
    assert keys.rotate_material(actor, key.pk) == 2
    new = key_material.encrypt(key, b"plain", {"SecretARN": "x"})
    for ciphertext in (old, new):
        assert key_material.key_of(ciphertext) == key
        assert key_material.decrypt(ciphertext, {"SecretARN": "x"}) == b"plain"


@pytest.mark.parametrize(
    "context", [{}, {"SecretARN": "y"}, {"SecretAR": "Nx"}, {"SecretARN": "x", "a": "b"}]
)
def test_other_context_does_not_open(key, context):
    ciphertext = key_material.encrypt(key, b"plain", {"SecretARN": "x"})
    with pytest.raises(Invalid, match="can't be decrypted"):
        key_material.decrypt(ciphertext, context)


def test_changed_ciphertext_does_not_open(key):
    ciphertext = bytearray(key_material.encrypt(key, b"plain", {}))
    for position in (0, 1, 17, 20, 22, len(ciphertext) - 1):
        changed = bytearray(ciphertext)
        changed[position] ^= 1
        with pytest.raises(Invalid):
            key_material.decrypt(bytes(changed), {})


def test_disabled_key_opens_nothing_until_it_is_enabled(actor, key, secret):
    keys.set_enabled(actor, key.pk, is_enabled=False)
    with pytest.raises(Conflict, match="enable it first"):
        values.open_version(values.find_version(secret))
    keys.set_enabled(actor, key.pk, is_enabled=True)
    assert values.open_version(values.find_version(secret))


def test_deletion_waits_and_can_be_cancelled(actor, key):
    deletion_at = keys.schedule_deletion(actor, key.pk, days=7)
    assert timedelta(days=6) < deletion_at - timezone.now() <= timedelta(days=7)
    with pytest.raises(Conflict):
        keys.schedule_deletion(actor, key.pk)
    keys.cancel_deletion(actor, key.pk)
    key.refresh_from_db()
    assert (key.state, key.deletion_at) == (State.DISABLED, None)


@pytest.mark.parametrize("days", [0, 6, 31])
def test_waiting_period_is_seven_to_thirty_days(actor, key, days):
    with pytest.raises(Invalid, match="7 to 30"):
        keys.schedule_deletion(actor, key.pk, days=days)


def test_due_key_is_gone_and_one_of_a_secret_loses_its_material(actor, key, secret):
    lonely = keys.create(actor)
    for wish in (key, lonely):
        keys.schedule_deletion(actor, wish.pk, days=7)
    assert keys.delete_due(actor, timezone.now()) == 0
    assert keys.delete_due(actor, timezone.now() + timedelta(days=8)) == 1
    assert not EncryptionKey.objects.filter(pk=lonely.pk).exists()
    assert not KeyMaterial.objects.filter(key=key).exists()


def test_material_rotates_when_it_is_due(actor, key):
    keys.set_rotation(actor, key.pk, period_days=90)
    assert keys.rotate_due(actor, timezone.now()) == 0
    assert keys.rotate_due(actor, timezone.now() + timedelta(days=91)) == 1
    assert key.materials.count() == 2
    with pytest.raises(Invalid, match="90 to 2560"):
        keys.set_rotation(actor, key.pk, period_days=1)


@pytest.mark.parametrize("alias", ["aws/mine", "", "alias/", "has space", "ü", "a" * 251])
def test_alias_out_of_bounds_is_refused(actor, key, alias):
    with pytest.raises(Invalid) as caught:
        keys.create_alias(actor, alias, key.pk)
    assert caught.value.problems[0].path == "alias"


def test_taken_alias_is_refused_and_no_key_is_left_behind(actor, key):
    with pytest.raises(Conflict) as caught:
        keys.create(actor, alias="mail")
    assert caught.value.path == "alias"
    assert EncryptionKey.objects.count() == 1


def test_policy_that_locks_its_author_out_is_refused(actor, key):
    locked = uses.key_policy(account="999999999999", administrators=[], users=[])
    with pytest.raises(Invalid, match="lock you out"):
        keys.set_policy(actor, key.pk, locked)
    with pytest.raises(Invalid):
        keys.create(actor, policy={"Statement": [], "Nonsense": 1})


def test_policy_without_the_account_lets_its_administrators_only(actor, key):
    other = Actor("other", PersonRole.ADMINISTRATOR, "127.0.0.1")
    policy = uses.key_policy(account="123456789012", administrators=[keys.user_arn("owner")], users=[])
    policy["Statement"] = policy["Statement"][1:]
    keys.set_policy(actor, key.pk, policy)
    with pytest.raises(Forbidden, match="kms:DisableKey"):
        keys.set_enabled(other, key.pk, is_enabled=False)
    keys.set_enabled(actor, key.pk, is_enabled=False)


@pytest.mark.django_db
def test_default_key_is_one_and_nobody_changes_it(actor):
    key = keys.default_key()
    assert keys.default_key() == key == keys.get("alias/aws/secretsmanager")
    for verb in (keys.schedule_deletion, keys.rotate_material):
        with pytest.raises(Forbidden, match="default key"):
            verb(actor, key.pk)


@pytest.mark.django_db
def test_viewer_and_operator_make_no_keys(viewer):
    for person in (viewer, Actor("op", PersonRole.OPERATOR, "127.0.0.1")):
        with pytest.raises(Forbidden):
            keys.create(person)
    assert not AuditEntry.objects.exists()
