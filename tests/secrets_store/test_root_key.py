"""Where the root key comes from, and what changes when it does."""

import base64
import stat
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from secrets_store import root_key
from secrets_store.crypto import CannotDecrypt, new_key
from secrets_store.models import KeyMaterial
from secrets_store.services import keys, secrets, values


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_file_is_made_once_and_for_its_owner_alone(data_dir):
    first = root_key.root_keys()
    assert root_key.root_keys() == first
    assert stat.S_IMODE((data_dir / "root_key").stat().st_mode) == 0o600


def test_environment_comes_before_the_file(data_dir, settings):
    settings.ROOT_KEY = base64.b64encode(new_key()).decode()
    wrapped = root_key.wrap(b"material", b"context")
    assert root_key.unwrap(wrapped, b"context") == b"material"
    assert not (data_dir / "root_key").exists()


def test_command_prints_the_key(data_dir, settings):
    text = base64.b64encode(new_key()).decode()
    settings.ROOT_KEY_COMMAND = f"{sys.executable} -c \"print('{text}')\""
    assert [root_key.encode(key.secret) for key in root_key.root_keys()] == [
        base64.urlsafe_b64encode(base64.b64decode(text)).decode()
    ]


@pytest.mark.parametrize("text", ["short", base64.b64encode(b"x" * 31).decode(), "né pas"])
def test_key_that_is_none_is_refused_without_being_repeated(data_dir, settings, text):
    settings.ROOT_KEY = text
    with pytest.raises(ImproperlyConfigured, match="32 random bytes") as caught:
        root_key.root_keys()
    assert text not in str(caught.value)


def test_failing_command_is_named_without_its_output(data_dir, settings):
    settings.ROOT_KEY_COMMAND = f"{sys.executable} -c \"print('planted'); raise SystemExit(3)\""
    with pytest.raises(ImproperlyConfigured, match="MAILMANAGER_ROOT_KEY_COMMAND failed") as caught:
        root_key.root_keys()
    assert "planted" not in str(caught.value)


def test_other_context_or_other_key_opens_nothing(data_dir, settings):
    wrapped = root_key.wrap(b"material", b"context")
    with pytest.raises(CannotDecrypt):
        root_key.unwrap(wrapped, b"another")
    settings.ROOT_KEY = base64.b64encode(new_key()).decode()
    with pytest.raises(CannotDecrypt):
        root_key.unwrap(wrapped, b"context")


def test_rotaterootkey_wraps_all_anew_and_drops_the_former(data_dir, actor, secret, capsys):
    # `secret` was made under the file in this data directory: its fixture comes after.
    (former,) = root_key.root_keys()
    keys.rotate_material(actor, secret.key.pk)
    before = {bytes(row.wrapped) for row in KeyMaterial.objects.all()}
    call_command("rotaterootkey")
    assert "2 keys' material" in capsys.readouterr().out
    (now,) = root_key.root_keys()
    assert now != former
    assert before.isdisjoint({bytes(row.wrapped) for row in KeyMaterial.objects.all()})
    assert b"planted" in values.open_version(values.find_version(secret))


@pytest.mark.django_db
def test_rotaterootkey_with_environment_wraps_by_the_first(data_dir, settings, actor):
    old, new = (base64.b64encode(new_key()).decode() for _ in range(2))
    settings.ROOT_KEY = old
    secret = secrets.create(actor, name="s", value="v")
    settings.ROOT_KEY = f"{new},{old}"
    call_command("rotaterootkey")
    settings.ROOT_KEY = new
    assert values.open_version(values.find_version(secret)) == b"v"


@pytest.mark.django_db
def test_rotaterootkey_without_the_former_key_changes_nothing(data_dir, settings, actor):
    secrets.create(actor, name="s", value="v")
    settings.ROOT_KEY = base64.b64encode(new_key()).decode()
    before = bytes(KeyMaterial.objects.get().wrapped)
    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("rotaterootkey")
    assert bytes(KeyMaterial.objects.get().wrapped) == before
