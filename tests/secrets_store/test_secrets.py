"""Secrets: values and their stages, names, policies, deletion, and who may."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from access.actor import Actor, PersonRole
from access.models import AuditEntry
from core.errors import Conflict, Forbidden, Invalid, NotFound
from resources.services import configuration_version, set_references
from secrets_store.logic.uses import Use
from secrets_store.models import Secret, SecretVersion, VersionStage
from secrets_store.password_hashes import verify_password
from secrets_store.services import keys, readers, secrets, values
from tests.secrets_store.conftest import ENDPOINT_ARN, PASSWORD


def stages_of(secret):
    return {stage.name: stage.version.version_id for stage in secret.stages.select_related("version")}


def test_value_comes_back_and_that_is_audited_without_it(actor, secret):
    version, content = secrets.retrieve_value(actor, secret.name)
    assert json.loads(content) == {"password": PASSWORD}
    entry = AuditEntry.objects.get(action="secrets.retrieve_value")
    assert entry.detail == {"version": version.version_id}
    assert not AuditEntry.objects.filter(detail__icontains=PASSWORD).exists()


def test_new_value_moves_the_stages(actor, secret):
    first = stages_of(secret)["AWSCURRENT"]
    second = secrets.put_value(actor, secret.arn, '{"password": "second-Passw0rd"}')
    third = secrets.put_value(actor, secret.arn, '{"password": "third-Passw0rd"}')
    assert stages_of(secret) == {"AWSCURRENT": third.version_id, "AWSPREVIOUS": second.version_id}
    assert SecretVersion.objects.get(version_id=first).stages.count() == 0


def test_auth_hashes_are_of_current_and_previous_only(actor, secret):
    for password in ("second-Passw0rd", "third-Passw0rd"):
        secrets.put_value(actor, secret.arn, json.dumps({"password": password}))
    hashes = readers.readings_of(Use.ENDPOINT, {ENDPOINT_ARN: secret.arn})[ENDPOINT_ARN].password_hashes
    assert [
        next((p for p in (PASSWORD, "second-Passw0rd", "third-Passw0rd") if verify_password(h, p)), None)
        for h in hashes
    ] == ["third-Passw0rd", "second-Passw0rd"]


def test_secret_is_found_by_name_and_arn(secret):
    for name in (secret.name, secret.arn, secret.arn[:-7]):
        assert secrets.get(name) == secret
    for name in ("other", secret.arn.replace("123456789012", "999999999999")):
        with pytest.raises(NotFound):
            secrets.get(name)


@pytest.mark.parametrize("name", ["", "has space", "ü", "a" * 513, "a\nb"])
def test_name_out_of_bounds_is_refused(actor, make_secret, name):
    with pytest.raises(Invalid) as caught:
        make_secret(name=name)
    assert caught.value.problems[0].path == "name"


def test_taken_name_is_refused_also_while_it_waits_for_deletion(actor, secret, make_secret):
    with pytest.raises(Conflict, match="choose another one"):
        make_secret()
    secrets.schedule_deletion(actor, secret.name)
    with pytest.raises(Conflict, match="restore it"):
        make_secret()


@pytest.mark.parametrize("value", ["", "x" * 65_537, b"\x00" * 65_537])
def test_value_out_of_bounds_leaves_nothing_half_made(actor, make_secret, value):
    with pytest.raises(Invalid, match="value"):
        make_secret(value=value)
    assert not Secret.objects.exists()


def test_secret_in_use_is_not_deleted(actor, secret):
    set_references(
        "arn:aws:ses:us-east-1:123456789012:mailmanager-ingress-point/inp-1", "inbound", [secret.arn]
    )
    with pytest.raises(Conflict, match="in use by inbound"):
        secrets.schedule_deletion(actor, secret.name)


def test_deletion_waits_can_be_restored_and_comes(actor, secret):
    secrets.schedule_deletion(actor, secret.name, days=7)
    with pytest.raises(Conflict, match="restore it first"):
        secrets.retrieve_value(actor, secret.name)
    secrets.restore(actor, secret.name)
    assert secrets.retrieve_value(actor, secret.name)
    secrets.schedule_deletion(actor, secret.name, days=7)
    assert secrets.delete_due(actor, timezone.now()) == 0
    assert secrets.delete_due(actor, timezone.now() + timedelta(days=8)) == 1
    assert not Secret.objects.exists()


def test_another_key_seals_the_value_again(actor, secret):
    other = keys.create(actor, alias="other")
    secrets.update(actor, secret.name, key_id="alias/other")
    version, content = secrets.retrieve_value(actor, secret.name)
    assert json.loads(content) == {"password": PASSWORD}
    keys.set_enabled(actor, other.pk, is_enabled=False)
    with pytest.raises(Conflict):
        values.open_version(version)


def test_disabled_or_missing_key_is_said_beside_the_field(actor, key, make_secret):
    keys.set_enabled(actor, key.pk, is_enabled=False)
    for key_id in (key.pk, "alias/nowhere"):
        with pytest.raises(Invalid) as caught:
            make_secret(key_id=key_id)
        assert caught.value.problems[0].path == "key_id"


def test_policy_with_an_unknown_element_is_refused_by_path(actor, secret):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resourc": "*",
    }
    with pytest.raises(Invalid) as caught:
        secrets.set_policy(actor, secret.name, {"Statement": [statement]})
    assert caught.value.problems[0].path == "Statement[0].Resourc"


def test_every_change_reaches_the_ingress(actor, secret):
    for change in (
        lambda: secrets.put_value(actor, secret.name, "{}"),
        lambda: secrets.set_policy(actor, secret.name, None),
        lambda: secrets.schedule_deletion(actor, secret.name),
        lambda: secrets.restore(actor, secret.name),
        lambda: keys.set_enabled(actor, secret.key.pk, is_enabled=False),
    ):
        before = configuration_version()
        change()
        assert configuration_version() > before


def test_stage_is_moved_back_to_the_former_version(actor, secret):
    first = stages_of(secret)["AWSCURRENT"]
    second = secrets.put_value(actor, secret.name, '{"password": "second-Passw0rd"}')
    secrets.move_stage(
        actor, secret.name, "AWSCURRENT", to_version_id=first, from_version_id=second.version_id
    )
    assert stages_of(secret) == {"AWSCURRENT": first, "AWSPREVIOUS": second.version_id}
    with pytest.raises(Invalid, match="must name the version"):
        secrets.move_stage(actor, secret.name, "AWSCURRENT", to_version_id=second.version_id)


def test_versions_without_a_stage_are_bounded(actor, secret, monkeypatch):
    monkeypatch.setattr(values, "MAX_VERSIONS", 5)
    for number in range(9):
        secrets.put_value(actor, secret.name, f'{{"number": {number}}}')
    assert secret.versions.count() == 5
    assert set(stages_of(secret)) == {VersionStage.CURRENT, VersionStage.PREVIOUS}


def test_operator_stores_and_does_not_read(secret, key):
    operator = Actor("op", PersonRole.OPERATOR, "127.0.0.1")
    secrets.put_value(operator, secret.name, "{}")
    with pytest.raises(Forbidden):
        secrets.retrieve_value(operator, secret.name)


def test_viewer_changes_nothing(viewer, secret):
    for verb in (
        lambda: secrets.create(viewer, name="x"),
        lambda: secrets.put_value(viewer, secret.name, "{}"),
        lambda: secrets.retrieve_value(viewer, secret.name),
        lambda: secrets.schedule_deletion(viewer, secret.name),
    ):
        with pytest.raises(Forbidden):
            verb()


def test_database_holds_no_value_in_the_clear(secret):
    for model in (Secret, SecretVersion):
        for row in model.objects.values():
            assert PASSWORD not in repr(row)
            assert PASSWORD.encode() not in b"".join(
                bytes(v) for v in row.values() if isinstance(v, bytes | memoryview)
            )
