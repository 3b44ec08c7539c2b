"""manage.py rotaterootkey: wrap every encryption key by a new root key."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from access.actor import system
from secrets_store import root_key
from secrets_store.crypto import CannotDecrypt, new_key
from secrets_store.services import key_material


class Command(BaseCommand):
    help = (
        "Wrap all key material by a new root key. With a root key in a file the new one is made here, and"
        " the former is dropped when all is wrapped anew. With MAILMANAGER_ROOT_KEY or"
        " MAILMANAGER_ROOT_KEY_COMMAND put the new key before the former one, restart, run this, then"
        " take the former one away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._rotate()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except CannotDecrypt as error:
            raise CommandError(
                "Some key material is under a root key that is not here; nothing was changed."
            ) from error

    def _rotate(self) -> None:
        former = root_key.root_keys()
        if root_key.is_kept_in_file():
            # Both on disk before the first row changes: a crash between leaves all of them readable.
            root_key.replace_file((root_key.RootKey(new_key()), *former))
        count = key_material.rewrap_all(system("rotaterootkey"))
        if root_key.is_kept_in_file():
            root_key.replace_file(root_key.root_keys()[:1])
        self.stdout.write(
            f"{count} keys' material wrapped by the new root key. Restart the processes that run."
        )
