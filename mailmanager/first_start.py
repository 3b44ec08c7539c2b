"""What a data directory holds before anything else can run: the directory itself and the secret key."""

import os
import secrets
from pathlib import Path


def make_data_dir(path: Path) -> Path:
    """The data directory, readable by its owner only: it holds mail and keys."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read_or_make_secret(path: Path) -> str:
    """The secret kept in `path`, made on first use with mode 0600.

    Several processes may start at once on an empty directory: the file appears whole under its
    name by a hard link, which only one of them can make; all read what that one wrote.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its secret is the one that counts
        finally:
            draft.unlink()
    return path.read_text().strip()
