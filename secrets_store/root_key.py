"""The root key, which wraps every key's material and never lies in the database.

From MAILMANAGER_ROOT_KEY, from what MAILMANAGER_ROOT_KEY_COMMAND prints, or else from the file
`root_key` in the data directory (mode 0600, made on first use). Each may hold several keys, divided
by commas or white space: the first wraps, all of them unwrap, which is how a new one is brought in
(`manage.py rotaterootkey`).
"""

import base64
import hashlib
import shlex
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from resources.private_files import replace, write_once
from secrets_store.crypto import KEY_BYTES, CannotDecrypt, new_key, seal, unseal

_COMMAND_TIMEOUT_SECONDS = 30
_FINGERPRINT_BYTES = 8


@dataclass(frozen=True, slots=True)
class RootKey:
    secret: bytes

    @property
    def fingerprint(self) -> bytes:
        """Tells which key wrapped something, and nothing about the key."""
        return hashlib.sha256(b"mailmanager root key" + self.secret).digest()[:_FINGERPRINT_BYTES]


def wrap(material: bytes, context: bytes) -> bytes:
    """Fingerprint of the first root key, and `material` sealed under it."""
    root_key = root_keys()[0]
    return root_key.fingerprint + seal(root_key.secret, material, context)


def unwrap(wrapped: bytes, context: bytes) -> bytes:
    """CannotDecrypt where no root key at hand wrapped it."""
    for root_key in root_keys():
        if root_key.fingerprint == wrapped[:_FINGERPRINT_BYTES]:
            return unseal(root_key.secret, wrapped[_FINGERPRINT_BYTES:], context)
    raise CannotDecrypt


def is_wrapped_by_first(wrapped: bytes) -> bool:
    return wrapped[:_FINGERPRINT_BYTES] == root_keys()[0].fingerprint


def root_keys() -> tuple[RootKey, ...]:
    """All root keys, the wrapping one first. ImproperlyConfigured says what is wrong with them.

    The file is read each time, so that a running process sees a new key as soon as it is there.
    """
    if settings.ROOT_KEY:
        return _parse(settings.ROOT_KEY, "MAILMANAGER_ROOT_KEY")
    if settings.ROOT_KEY_COMMAND:
        return _parse(_ask_command(settings.ROOT_KEY_COMMAND), "what MAILMANAGER_ROOT_KEY_COMMAND prints")
    path = key_file()
    write_once(path, lambda: encode(new_key()))
    return _parse(path.read_text(), f"the file {path}")


def is_kept_in_file() -> bool:
    return not settings.ROOT_KEY and not settings.ROOT_KEY_COMMAND


def key_file() -> Path:
    return Path(settings.DATA_DIR) / "root_key"


def replace_file(keys: tuple[RootKey, ...]) -> None:
    replace(key_file(), "\n".join(encode(key.secret) for key in keys) + "\n")


def encode(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode()


def _parse(text: str, place: str) -> tuple[RootKey, ...]:
    keys = []
    for word in text.replace(",", " ").split():
        try:
            secret = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise ImproperlyConfigured(
                f"A root key is {KEY_BYTES} random bytes in Base64 "
                f"(`openssl rand -base64 {KEY_BYTES}`); {place} has something else."
            )
        keys.append(RootKey(secret))
    if not keys:
        raise ImproperlyConfigured(f"There is no root key in {place}.")
    return tuple(keys)


@cache
def _ask_command(command_line: str) -> str:
    """Asked once in a process's life: it may ask a person or a hardware module."""
    command = shlex.split(command_line)
    try:
        done = subprocess.run(  # noqa: S603 - the administrator's own command, no shell
            command,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        # Its output, which may be a key, is in no message.
        raise ImproperlyConfigured(
            f"MAILMANAGER_ROOT_KEY_COMMAND failed ({type(error).__name__}); it must print the root key."
        ) from None
    return done.stdout
