"""What a data directory holds before anything else can run: the directory itself and the secret key."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from resources.private_files import write_once


def make_data_dir(path: Path) -> Path:
    """The data directory, readable by its owner only: it holds mail and keys."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"MAILMANAGER_DATA_DIR can't be made: {error}") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"MAILMANAGER_DATA_DIR: {path} can't be written to")
    return path


def read_or_make_secret(path: Path) -> str:
    """The secret kept in `path`, made on first use with mode 0600."""
    write_once(path, lambda: secrets.token_urlsafe(50))
    return path.read_text().strip()
