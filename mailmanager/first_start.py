"""What a data directory holds before anything else can run: the directory itself and the secret key."""

import secrets
from pathlib import Path

from resources.private_files import write_once


def make_data_dir(path: Path) -> Path:
    """The data directory, readable by its owner only: it holds mail and keys."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read_or_make_secret(path: Path) -> str:
    """The secret kept in `path`, made on first use with mode 0600."""
    write_once(path, lambda: secrets.token_urlsafe(50))
    return path.read_text().strip()
